import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { freePort } from "#infra/stack/ports.ts";
import { startStack } from "#infra/stack/stack.ts";
import { cpuOfFamily } from "../processes.ts";
import { KEYS } from "./names.ts";

const APP = join(import.meta.dirname, "app.ts");
const ENGINE = join(import.meta.dirname, "../../../infra/engine/main.ts");

/** A Postgres for the load test, with a database of its own for each `withDatabase`. */
export interface Server {
  withDatabase: <T>(work: (url: string) => Promise<T>) => Promise<T>;
  /** CPU seconds that Postgres has used; null where that cannot be told. */
  cpuSeconds: () => number | null;
  stop: () => Promise<void>;
}

/** An engine on a database, and an app that is synced with it. */
export interface World {
  baseUrl: string;
  db: pg.Client;
  enginePid: number;
  app: () => Promise<{ calls: number; started: number[]; cpuSeconds: number }>;
  /** Calls per second that the SDK's handler answers alone, in process, on calls that the engine made before. */
  sdkAlone: (calls: number) => Promise<number>;
  send: (events: { event: string; count: number; data?: object; senders?: number }) => Promise<void>;
  close: () => Promise<void>;
}

/** The server that a URL names, else one of our own. */
export async function startServer(given: string | undefined): Promise<Server> {
  const stack = given
    ? null
    : await startStack({ dataDir: join(import.meta.dirname, "../../../.local/bench"), parts: ["postgres"] });
  const postgres = stack?.part("postgres");
  const url = given ?? (postgres?.url as string);
  let made = 0;
  return {
    withDatabase: async (work) => {
      const name = `engine_load_${process.pid}_${made++}`;
      const admin = new pg.Client({ connectionString: url });
      await admin.connect();
      await admin.query(`create database ${name}`);
      const own = new URL(url);
      own.pathname = `/${name}`;
      try {
        return await work(own.href);
      } finally {
        await admin.query(`drop database if exists ${name} with (force)`);
        await admin.end();
      }
    },
    cpuSeconds: () => (postgres?.pid ? cpuOfFamily(postgres.pid) : null),
    stop: async () => await stack?.stop(),
  };
}

/** @param profileDir where engine and app write CPU profiles when they end */
export async function createWorld(databaseUrl: string, profileDir?: string): Promise<World> {
  const profile = (name: string) =>
    profileDir ? ["--cpu-prof", `--cpu-prof-dir=${profileDir}`, `--cpu-prof-name=${name}.cpuprofile`] : [];
  const engine = await startEngine(databaseUrl, profile("engine"));
  const port = await freePort();
  const app = await start([...profile("app"), APP], { BASE_URL: engine.url, PORT: String(port) });
  const sync = await fetch(`http://127.0.0.1:${port}/api/inngest`, { method: "PUT" });
  if (!sync.ok) throw new Error(await sync.text());
  const db = new pg.Client({ connectionString: databaseUrl });
  await db.connect();
  return {
    baseUrl: engine.url,
    db,
    enginePid: engine.child.pid ?? 0,
    app: async () => {
      const stats = await (await fetch(`http://127.0.0.1:${port}/stats`)).json();
      const { calls, started, cpu } = stats as { calls: number; started: number[]; cpu: NodeJS.CpuUsage };
      return { calls, started, cpuSeconds: (cpu.user + cpu.system) / 1e6 };
    },
    sdkAlone: async (calls) => {
      const answer = await fetch(`http://127.0.0.1:${port}/alone?calls=${calls}`, { method: "POST" });
      if (!answer.ok) throw new Error(await answer.text());
      return ((await answer.json()) as { callsPerSecond: number }).callsPerSecond;
    },
    send: (events) => send(engine.url, events),
    close: async () => {
      await db.end();
      await Promise.all([end(app.child), end(engine.child)]);
    },
  };
}

/** Starts an engine and waits for its ready line. */
export async function startEngine(databaseUrl: string, nodeArgs: string[] = []) {
  const { child, line } = await start([...nodeArgs, ENGINE], {
    ENGINE_PORT: "0",
    ENGINE_DATABASE_URL: databaseUrl,
    ENGINE_LOG_LEVEL: "warn",
  });
  return { child, url: (JSON.parse(line) as { url: string }).url };
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await Promise.race([gone, sleep(8_000)]);
  child.kill("SIGKILL");
  await gone;
}

async function send(
  baseUrl: string,
  events: { event: string; count: number; data?: object; senders?: number },
): Promise<void> {
  let left = events.count;
  const sender = async (): Promise<void> => {
    while (left > 0) {
      const size = Math.min(100, left);
      left -= size;
      const one = { name: events.event, data: { n: 1, text: "x".repeat(100), ...events.data } };
      const body = JSON.stringify(Array.from({ length: size }, () => one));
      const answer = await fetch(`${baseUrl}/e/${KEYS.INNGEST_EVENT_KEY}`, { method: "POST", body });
      if (!answer.ok) throw new Error(await answer.text());
      await answer.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: events.senders ?? 4 }, sender));
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
