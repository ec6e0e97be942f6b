import { BATCHES, DEBOUNCE_S, LIMIT_PER_KEY, RATE, STARTS_PER_SECOND } from "../kinds.ts";
import { client } from "./client.ts";
import { work } from "./work.ts";

const KEY = "event.data.key";

/** Functions whose events or starts are held back, put together or dropped. */
export const flowFunctions = [
  client.createFunction(
    {
      id: "limited",
      triggers: [{ event: "crash/limited" }],
      concurrency: { key: KEY, limit: LIMIT_PER_KEY },
    },
    async (run) => [await run.step.run("held", work(run, "held"))],
  ),
  client.createFunction(
    {
      id: "throttled",
      triggers: [{ event: "crash/throttled" }],
      throttle: { key: KEY, limit: STARTS_PER_SECOND, period: "1s" },
    },
    async (run) => [await run.step.run("spaced", work(run, "spaced"))],
  ),
  ...Object.entries(BATCHES).map(([id, { maxSize, keyed }]) =>
    client.createFunction(
      {
        id,
        triggers: [{ event: "crash/batched" }],
        batchEvents: { maxSize, timeout: "1s", ...(keyed ? { key: KEY } : {}) },
      },
      async (run) => [await run.step.run("all", work(run, "all"))],
    ),
  ),
  client.createFunction(
    {
      id: "debounced",
      triggers: [{ event: "crash/debounced" }],
      debounce: { key: KEY, period: `${DEBOUNCE_S}s` },
    },
    async (run) => [await run.step.run("last", work(run, "last"))],
  ),
  ...(["skip", "cancel"] as const).map((mode) =>
    client.createFunction(
      {
        id: `single-${mode}`,
        triggers: [{ event: `crash/single-${mode}` }],
        singleton: { key: KEY, mode },
      },
      async (run) => {
        const first = await run.step.run("in", work(run, "in"));
        await run.step.sleep("inside", "1s");
        return [first, await run.step.run("out", work(run, "out", { seen: [first] }))];
      },
    ),
  ),
  client.createFunction(
    {
      id: "rated",
      triggers: [{ event: "crash/rated" }],
      rateLimit: { key: KEY, limit: RATE.limit, period: `${RATE.periodS}s` },
    },
    async (run) => [await run.step.run("let in", work(run, "let in"))],
  ),
];
