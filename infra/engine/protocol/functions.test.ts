import { expect, test } from "vitest";
import { readFunction } from "./functions.ts";

const runtime = { type: "http", url: "http://127.0.0.1:1/x" };
const read = (trigger: unknown) =>
  readFunction({ id: "app-f", triggers: [trigger], steps: { step: { runtime } } }, "app");

test.each([
  [{ event: "a/b", jitter: "5s" }, "jitter", "goes with a cron only"],
  [{ cron: "* * * * *", expression: "event.data.n == 1" }, "if", "goes with an event only"],
  [{ event: "a/b", cron: "* * * * *" }, "cron", "is not for a trigger that has an event"],
  [{}, "triggers", "needs an event or a cron"],
  [{ cron: "every day" }, "cron", "is not valid: "],
])("the trigger %j is refused by the name of its odd option", (trigger, option, why) => {
  expect(read(trigger)).toEqual({
    problems: [expect.stringContaining(`Function "app-f": the option "${option}" ${why}`)],
  });
});

test("a trigger is an event with an expression or a cron with jitter", () => {
  expect(read({ event: "a/b", expression: "event.data.n == 1" })).toMatchObject({
    spec: { triggers: [{ event: "a/b", expression: "event.data.n == 1" }] },
  });
  expect(read({ cron: "* * * * *", jitter: "5s" })).toMatchObject({
    spec: { triggers: [{ cron: "* * * * *", jitterMs: 5_000 }] },
  });
});
