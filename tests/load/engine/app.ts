/**
 * The app of the engine's load test, in a process of its own with a small environment (the SDK copies
 * `process.env` at every call): node tests/load/engine/app.ts, with BASE_URL and PORT.
 */
import { serve as listen } from "@hono/node-server";
import { Hono } from "hono";
import { Inngest } from "inngest";
import { serve } from "inngest/hono";
import { EVENTS, KEYS } from "./names.ts";

const PATH = "/api/inngest";
/** Calls in hand at once when the handler is measured alone. */
const AT_ONCE = 50;
/** Real calls that are kept, to be asked again. */
const KEPT = 500;

interface Call {
  body: string;
  headers: Record<string, string>;
}

const port = Number(process.env.PORT);
const origin = `http://127.0.0.1:${port}`;
/** When runs of keys other than the flooding one started, in the order of their starts. */
const started: number[] = [];
const kept: Call[] = [];
let calls = 0;
let alone = false;

const client = new Inngest({
  id: "load",
  baseUrl: process.env.BASE_URL ?? "",
  isDev: false,
  signingKey: KEYS.INNGEST_SIGNING_KEY,
  eventKey: KEYS.INNGEST_EVENT_KEY,
  // Alone means without network: nothing goes out then.
  fetch: (...args: Parameters<typeof fetch>) =>
    alone ? Promise.resolve(new Response(null, { status: 200 })) : fetch(...args),
});
const one = client.createFunction({ id: "one", triggers: [{ event: EVENTS.one }] }, ({ step }) =>
  step.run("only", () => 1),
);
const keyed = client.createFunction(
  { id: "keyed", triggers: [{ event: EVENTS.keyed }], concurrency: { key: "event.data.key", limit: 50 } },
  ({ event, step }) =>
    step.run("only", () => {
      if (event.data.key !== "flood") started.push(Date.now());
    }),
);

const handler = serve({ client, functions: [one, keyed], serveOrigin: origin });
const app = new Hono();
app.on(["GET", "POST", "PUT"], PATH, async (c) => {
  if (!alone && c.req.method === "POST") {
    calls += 1;
    if (kept.length < KEPT) await keep(c.req.raw.clone());
  }
  return handler(c);
});
app.get("/stats", (c) => c.json({ calls, started, cpu: process.cpuUsage() }));
app.post("/alone", async (c) => c.json(await handlerAlone(Number(c.req.query("calls")))));
process.once("SIGTERM", () => process.exit(0)); // so that --cpu-prof writes its file
listen({ fetch: app.fetch, hostname: "127.0.0.1", port }, () => process.stdout.write("ready\n"));

async function keep(request: Request): Promise<void> {
  const url = new URL(request.url);
  if (url.searchParams.get("fnId") !== "load-one") return;
  kept.push({ body: await request.text(), headers: Object.fromEntries(request.headers) });
}

/**
 * Calls per second that the SDK's handler answers when nothing else happens: the very calls that the engine made
 * (their signatures are good for five minutes), through Hono, without network. Then the calls kept are forgotten.
 */
async function handlerAlone(count: number): Promise<{ callsPerSecond: number }> {
  alone = true;
  const all = async (total: number): Promise<void> => {
    let at = 0;
    const worker = async () => {
      while (at < total) await answer(kept[at++ % kept.length] as Call);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  };
  await all(count / 4);
  const startedAt = performance.now();
  await all(count);
  const callsPerSecond = count / ((performance.now() - startedAt) / 1_000);
  alone = false;
  kept.length = 0;
  return { callsPerSecond };
}

async function answer({ body, headers }: Call): Promise<void> {
  const response = await app.request(`${PATH}?fnId=load-one&stepId=step`, { method: "POST", body, headers });
  const text = await response.text();
  if (![200, 206].includes(response.status)) throw new Error(`${response.status}: ${text}`);
}
