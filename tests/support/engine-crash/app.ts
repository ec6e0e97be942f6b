/**
 * The app of the crash test: a process of its own, so that it can be killed. PORT, BASE_URL, LEDGER, and the keys.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { serve as listen } from "@hono/node-server";
import { Hono } from "hono";
import { Inngest } from "inngest";
import { serve } from "inngest/hono";
import { APP_ID, CHILDREN, LIMIT_PER_KEY, STARTS_PER_SECOND } from "./kinds.ts";
import { note } from "./ledger.ts";

const {
  LEDGER = "",
  PORT = "",
  BASE_URL = "",
  INNGEST_SIGNING_KEY = "",
  INNGEST_EVENT_KEY = "",
} = process.env;
const request = new AsyncLocalStorage<string>();
const silent = () => {};

const client = new Inngest({
  id: APP_ID,
  baseUrl: BASE_URL,
  isDev: false,
  signingKey: INNGEST_SIGNING_KEY,
  eventKey: INNGEST_EVENT_KEY,
  logger: { info: silent, warn: silent, error: silent, debug: silent },
});

/** The code of a step: notes that it runs, works a moment, and returns its own mark. */
function work(
  run: { runId: string; attempt: number },
  step: string,
  { seen = [], fails = false }: { seen?: string[]; fails?: boolean } = {},
): () => Promise<string> {
  return async () => {
    const mark = randomUUID();
    const { runId, attempt } = run;
    const facts = { request: request.getStore() ?? "", run: runId, step, attempt, mark, seen: [...seen] };
    note(LEDGER, { kind: "start", ...facts, atMs: Date.now() });
    await sleep(Math.random() * 40);
    note(LEDGER, { kind: fails ? "threw" : "end", mark, atMs: Date.now() });
    if (fails) throw new Error("on purpose");
    return mark;
  };
}

const child = client.createFunction({ id: "child", triggers: [{ event: "crash/child" }] }, async (run) => {
  return await run.step.run("work", work(run, "work"));
});

const functions = [
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
      id: "limited",
      triggers: [{ event: "crash/limited" }],
      concurrency: { key: "event.data.key", limit: LIMIT_PER_KEY },
    },
    async (run) => [await run.step.run("held", work(run, "held"))],
  ),
  client.createFunction(
    {
      id: "throttled",
      triggers: [{ event: "crash/throttled" }],
      throttle: { key: "event.data.key", limit: STARTS_PER_SECOND, period: "1s" },
    },
    async (run) => [await run.step.run("spaced", work(run, "spaced"))],
  ),
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

const handler = serve({ client, functions, serveOrigin: `http://127.0.0.1:${PORT}` });
const app = new Hono();
app.on(["GET", "PUT"], "/api/inngest", (c) => handler(c));
app.post("/api/inngest", async (c) => {
  const id = c.req.header("x-request-id") ?? "";
  const { ctx, steps } = (await c.req.raw.clone().json()) as { ctx: { run_id: string }; steps: object };
  note(LEDGER, { kind: "call", request: id, run: ctx.run_id, carried: Object.keys(steps) });
  return await request.run(id, () => handler(c));
});
listen({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(PORT) }, () =>
  process.stdout.write("ready\n"),
);
