import { APP_ID, CHILDREN } from "../kinds.ts";
import { client } from "./client.ts";
import { work } from "./work.ts";

const child = client.createFunction({ id: "child", triggers: [{ event: "crash/child" }] }, async (run) => {
  return await run.step.run("work", work(run, "work"));
});

/** Functions of steps: one, in a row, side by side, asleep, failing, invoking. */
export const stepFunctions = [
  child,
  client.createFunction({ id: "one", triggers: [{ event: "crash/one" }] }, async (run) => {
    return [await run.step.run("only", work(run, "only"))];
  }),
  client.createFunction({ id: "chain", triggers: [{ event: "crash/chain" }] }, async (run) => {
    const marks: string[] = [];
    for (const step of ["a", "b", "c", "d"])
      marks.push(await run.step.run(step, work(run, step, { seen: marks })));
    return marks;
  }),
  client.createFunction({ id: "fan", triggers: [{ event: "crash/fan" }] }, async (run) => {
    const marks = await Promise.all(["x", "y", "z"].map((step) => run.step.run(step, work(run, step))));
    return [...marks, await run.step.run("join", work(run, "join", { seen: marks }))];
  }),
  client.createFunction({ id: "nap", triggers: [{ event: "crash/nap" }] }, async (run) => {
    const before = await run.step.run("before", work(run, "before"));
    await run.step.sleep("nap", "1s");
    return [before, await run.step.run("after", work(run, "after", { seen: [before] }))];
  }),
  client.createFunction({ id: "flaky", retries: 4, triggers: [{ event: "crash/flaky" }] }, async (run) => {
    return [await run.step.run("tries", work(run, "tries", { fails: run.attempt < 2 }))];
  }),
  client.createFunction({ id: "parent", triggers: [{ event: "crash/parent" }] }, async (run) => {
    const numbers = Array.from({ length: CHILDREN }, (_, n) => n);
    const calls = numbers.map((n) => run.step.invoke(`call-${n}`, { function: child, data: {} }));
    const marks = await Promise.all(calls);
    return [...marks, await run.step.run("after", work(run, "after", { seen: marks }))];
  }),
  client.createFunction(
    {
      id: "doomed",
      retries: 1,
      triggers: [{ event: "crash/doomed" }],
      onFailure: async (run) => await run.step.run("mourn", work(run, "mourn")),
    },
    async (run) => [await run.step.run("fails", work(run, "fails", { fails: true }))],
  ),
  // Whoever ended twice would be told of twice.
  client.createFunction(
    {
      id: "notary",
      triggers: [{ event: "inngest/function.finished", if: `event.data.function_id != '${APP_ID}-notary'` }],
    },
    async () => "noted",
  ),
];
