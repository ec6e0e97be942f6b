import { expect, test } from "vitest";
import { eventually } from "#tests/support/eventually.ts";
import { batched } from "./batched.ts";

test("keys of one tick are loaded together, and a key that is being loaded is not loaded beside it", async () => {
  const loads: { keys: string[]; answer: (found: Map<string, object>) => void }[] = [];
  const find = batched<object>((keys) => new Promise((resolve) => loads.push({ keys, answer: resolve })));
  const first = [find("a"), find("b"), find("a")];
  await eventually(() => loads.length === 1, { everyMs: 5 });
  const later = [find("a"), find("c")];
  await eventually(() => loads.length === 2, { everyMs: 5 });
  expect(loads.map(({ keys }) => keys)).toEqual([["a", "b"], ["c"]]);

  const a = {};
  loads[0]?.answer(new Map([["a", a]]));
  loads[1]?.answer(new Map());
  expect((await Promise.all(first)).map((found) => found === a)).toEqual([true, false, true]);
  expect(await Promise.all(later)).toEqual([a, null]);

  const anew = find("a");
  await eventually(() => loads.length === 3, { everyMs: 5 });
  loads[2]?.answer(new Map());
  expect(await anew).toBeNull();
});

test("a load that failed fails for all who asked, and the next who asks loads anew", async () => {
  let fails = true;
  const find = batched(async (keys) => {
    if (fails) throw new Error("no connection");
    return new Map(keys.map((key) => [key, key]));
  });
  const answers = await Promise.allSettled([find("a"), find("a")]);
  expect(answers.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  fails = false;
  expect(await find("a")).toBe("a");
});
