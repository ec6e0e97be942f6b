import { type ChildProcess, spawn } from "node:child_process";
import { parseArgs } from "node:util";
import { serve as listen } from "@hono/node-server";
import { Hono } from "hono";
import { Inngest } from "inngest";
import { serve } from "inngest/hono";
import pg from "pg";

/**
 * Measures the local engine: one-step runs per second and durably accepted events per second.
 *
 *   node tests/load/engine.ts --database postgres://... [--runs 5000] [--events 50000] [--json PATH]
 *
 * The app runs in a process of its own ("--app" below), as in real life.
 */
const { values: options } = parseArgs({
  options: {
    database: { type: "string" },
    runs: { type: "string", default: "5000" },
    events: { type: "string", default: "50000" },
    json: { type: "string" },
    app: { type: "boolean", default: false },
  },
});
const KEYS = { INNGEST_SIGNING_KEY: "deadbeefcafe0123", INNGEST_EVENT_KEY: "deadbeef" };
const APP_PORT = 39_871;

if (options.app) runApp();
else await measure();

function createFunctions(baseUrl: string) {
  const client = new Inngest({
    id: "load",
    baseUrl,
    isDev: false,
    signingKey: KEYS.INNGEST_SIGNING_KEY,
    eventKey: KEYS.INNGEST_EVENT_KEY,
  });
  const one = client.createFunction({ id: "one", triggers: [{ event: "load/one" }] }, async ({ step }) => {
    return await step.run("only", () => 1);
  });
  return { client, functions: [one] };
}

function runApp(): void {
  const { client, functions } = createFunctions(process.env.BASE_URL ?? "");
  const app = new Hono();
  const handler = serve({ client, functions, serveOrigin: `http://127.0.0.1:${APP_PORT}` });
  app.on(["GET", "POST", "PUT"], "/api/inngest", handler);
  app.get("/cpu", (c) => c.json(process.cpuUsage()));
  listen({ fetch: app.fetch, hostname: "127.0.0.1", port: APP_PORT }, () => process.stdout.write("ready\n"));
}

async function measure(): Promise<void> {
  const owner = options.database ?? process.env.DATABASE_URL;
  if (!owner) throw new Error("--database is missing");
  const name = `engine_load_${process.pid}`;
  const admin = new pg.Client({ connectionString: owner });
  await admin.connect();
  await admin.query(`create database ${name}`);
  const url = new URL(owner);
  url.pathname = `/${name}`;
  const engine = await start(["infra/engine/main.ts"], {
    ENGINE_PORT: "0",
    ENGINE_DATABASE_URL: url.href,
    ENGINE_LOG_LEVEL: "warn",
  });
  const baseUrl = (JSON.parse(engine.line) as { url: string }).url;
  const app = await start(["tests/load/engine.ts", "--app"], { BASE_URL: baseUrl });
  const db = new pg.Client({ connectionString: url.href });
  await db.connect();
  try {
    const sync = await fetch(`http://127.0.0.1:${APP_PORT}/api/inngest`, { method: "PUT" });
    if (!sync.ok) throw new Error(await sync.text());
    await runsPerSecond(baseUrl, db, 1_000);
    const result = {
      stepRunsPerSecond: await runsPerSecond(baseUrl, db, Number(options.runs)),
      eventsPerSecond: await eventsPerSecond(baseUrl, Number(options.events), 100),
      singleEventRequestsPerSecond: await eventsPerSecond(baseUrl, 5_000, 1),
    };
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    if (options.json)
      await (await import("node:fs/promises")).writeFile(options.json, JSON.stringify(result));
  } finally {
    await db.end();
    engine.child.kill("SIGKILL");
    app.child.kill("SIGKILL");
    await admin.query(`drop database if exists ${name} with (force)`);
    await admin.end();
  }
}

/** Sends one-step events and counts finished runs over time, from the first sent to the last finished. */
async function runsPerSecond(baseUrl: string, db: pg.Client, count: number): Promise<number> {
  const finished = async (): Promise<number> =>
    (await db.query("select count(*)::int as n from inngest_engine.run where status = 1")).rows[0].n;
  const before = await finished();
  const startedAt = performance.now();
  await send(baseUrl, "load/one", count, 100, 4);
  const cpuBefore = (await (await fetch(`http://127.0.0.1:${APP_PORT}/cpu`)).json()) as NodeJS.CpuUsage;
  while ((await finished()) < before + count) await new Promise((resolve) => setTimeout(resolve, 100));
  const seconds = (performance.now() - startedAt) / 1_000;
  const cpu = (await (await fetch(`http://127.0.0.1:${APP_PORT}/cpu`)).json()) as NodeJS.CpuUsage;
  const appSeconds = (cpu.user + cpu.system - cpuBefore.user - cpuBefore.system) / 1e6;
  process.stderr.write(
    `${count} runs in ${seconds.toFixed(1)} s; the app used ${appSeconds.toFixed(1)} s of CPU\n`,
  );
  return Math.round(count / seconds);
}

/** Events that no function listens to: what accepting them durably costs. */
async function eventsPerSecond(baseUrl: string, count: number, perRequest: number): Promise<number> {
  const startedAt = performance.now();
  await send(baseUrl, "load/none", count, perRequest, 50);
  return Math.round(count / ((performance.now() - startedAt) / 1_000));
}

async function send(
  baseUrl: string,
  event: string,
  count: number,
  perRequest: number,
  senders: number,
): Promise<void> {
  let left = count;
  const body = JSON.stringify(
    Array.from({ length: perRequest }, () => ({ name: event, data: { n: 1, text: "x".repeat(100) } })),
  );
  const sender = async (): Promise<void> => {
    while (left > 0) {
      left -= perRequest;
      const answer = await fetch(`${baseUrl}/e/${KEYS.INNGEST_EVENT_KEY}`, { method: "POST", body });
      if (!answer.ok) throw new Error(await answer.text());
      await answer.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: senders }, sender));
}

async function start(
  args: string[],
  env: Record<string, string>,
): Promise<{ child: ChildProcess; line: string }> {
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env.PATH ?? "", ...KEYS, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout?.setEncoding("utf8").once("data", (text: string) => resolve(text));
    child.once("exit", (code) => reject(new Error(`${args.join(" ")} ended with ${code}`)));
  });
  return { child, line };
}
