import { dawdles, TIMEOUT_S, WAIT_S } from "../kinds.ts";
import { client } from "./client.ts";
import { noteWoken, work } from "./work.ts";

/** Functions that something from outside may end or wake: an event, a signal, time. */
export const waitFunctions = [
  client.createFunction({ id: "waiter", triggers: [{ event: "crash/waiter" }] }, async (run) => {
    const before = await run.step.run("before", work(run, "before"));
    const answer = await run.step.waitForEvent("wait", {
      event: "crash/answer",
      if: "async.data.of == event.data.n",
      timeout: `${WAIT_S}s`,
    });
    noteWoken(run.runId, answer?.data.n);
    return [before, await run.step.run("after", work(run, "after", { seen: [before] }))];
  }),
  client.createFunction({ id: "signalled", triggers: [{ event: "crash/signalled" }] }, async (run) => {
    const before = await run.step.run("before", work(run, "before"));
    const signal = await run.step.waitForSignal<{ n: number }>("wait", {
      signal: `signal-${run.event.data.n}`,
      timeout: `${WAIT_S}s`,
      onConflict: "fail",
    });
    noteWoken(run.runId, signal?.data.n);
    return [before, await run.step.run("after", work(run, "after", { seen: [before] }))];
  }),
  client.createFunction(
    {
      id: "stoppable",
      triggers: [{ event: "crash/stoppable" }],
      cancelOn: [{ event: "crash/stop", if: "async.data.of == event.data.n" }],
    },
    async (run) => {
      const before = await run.step.run("before", work(run, "before"));
      await run.step.sleep("nap", `${WAIT_S}s`);
      return [before, await run.step.run("after", work(run, "after", { seen: [before] }))];
    },
  ),
  client.createFunction(
    {
      id: "hurried",
      triggers: [{ event: "crash/hurried" }],
      timeouts: { finish: `${TIMEOUT_S}s` },
    },
    async (run) => {
      const before = await run.step.run("before", work(run, "before"));
      if (dawdles(run.event.data.n)) await run.step.sleep("dawdle", "1h");
      return [before, await run.step.run("after", work(run, "after", { seen: [before] }))];
    },
  ),
  // More events than it can take one at a time: some of its runs are never started.
  client.createFunction(
    {
      id: "patient",
      triggers: [{ event: "crash/patient" }],
      concurrency: { limit: 1 },
      timeouts: { start: `${TIMEOUT_S}s` },
    },
    async (run) => [await run.step.run("served", work(run, "served", { forMs: 500 }))],
  ),
];
