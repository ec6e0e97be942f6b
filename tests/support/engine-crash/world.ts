import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { loadKeys } from "#infra/stack/keys.ts";
import { freePort } from "#infra/stack/ports.ts";
import { type Stack, startStack } from "#infra/stack/stack.ts";
import { newDataDir } from "#tests/support/stack-folders.ts";

const APP = join(import.meta.dirname, "app.ts");

export type Victim = "engine" | "app" | "postgres";

/** Something was killed after `atMs` and dead by `deadMs`; all of it was back by `upMs`. */
export interface Kill {
  victims: Victim[];
  atMs: number;
  deadMs: number;
  upMs: number;
}

/** Postgres, the engine and an app, each of which can be killed, and the ledger that is not. */
export interface CrashWorld {
  ledger: string;
  engineUrl: string;
  eventKey: string;
  signingKey: string;
  kills: Kill[];
  /** Parts that ended without having been killed here. */
  died: string[];
  /** kill -9 of these at once, then all are started again. */
  crash: (victims: Victim[]) => Promise<void>;
  /** Asks the engine's database. */
  query: <Row extends pg.QueryResultRow>(statement: string) => Promise<Row[]>;
  stop: () => Promise<void>;
}

export async function startCrashWorld(): Promise<CrashWorld> {
  const dataDir = newDataDir();
  const ledger = join(dataDir, "ledger.jsonl");
  writeFileSync(ledger, "");
  const stack = await startStack({
    dataDir,
    parts: ["postgres", "engine"],
    handleSignals: false,
    partEnv: { engine: { ENGINE_RETRY_SCALE: "0.02", ENGINE_LOG_LEVEL: "warn" } },
  });
  const died: string[] = [];
  stack.onDied((part) => died.push(part.part));
  const keys = loadKeys(join(dataDir, "keys.json"));
  const engineUrl = stack.part("engine").url;
  const port = await freePort();
  const startApp = () =>
    spawnApp({
      PATH: process.env.PATH ?? "",
      PORT: String(port),
      BASE_URL: engineUrl,
      LEDGER: ledger,
      INNGEST_SIGNING_KEY: keys.signingKey,
      INNGEST_EVENT_KEY: keys.eventKey,
    });
  let app = await startApp();
  const sync = await fetch(`http://127.0.0.1:${port}/api/inngest`, { method: "PUT" });
  if (!sync.ok) throw new Error(`sync: ${await sync.text()}`);
  const kills: Kill[] = [];
  return {
    ledger,
    engineUrl,
    eventKey: keys.eventKey,
    signingKey: keys.signingKey,
    kills,
    died,
    crash: async (victims) => {
      const atMs = Date.now();
      await Promise.all(
        victims.map((name) => (name === "app" ? killChild(app) : stack.kill(name, "SIGKILL"))),
      );
      const deadMs = Date.now();
      // The engine needs Postgres to start; the app needs nobody.
      const again = victims.includes("app") ? startApp() : null;
      for (const name of ["postgres", "engine"] as const)
        if (victims.includes(name)) await stack.restart(name);
      if (again) app = await again;
      kills.push({ victims, atMs, deadMs, upMs: Date.now() });
    },
    query: async (statement) => await ask(databaseUrl(stack), statement),
    stop: async () => {
      await killChild(app);
      await stack.stop();
    },
  };
}

function databaseUrl(stack: Stack): string {
  const url = new URL(stack.part("postgres").url);
  url.pathname = "/cerniq_engine";
  url.searchParams.set("options", "-csearch_path=inngest_engine");
  return url.href;
}

async function ask<Row extends pg.QueryResultRow>(url: string, statement: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query<Row>(statement)).rows;
  } finally {
    await client.end();
  }
}

async function spawnApp(env: Record<string, string>): Promise<ChildProcess> {
  const child = spawn(process.execPath, [APP], { env, stdio: ["ignore", "pipe", "inherit"] });
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once("data", () => resolve());
    child.once("exit", (code) => reject(new Error(`the app ended with ${code}`)));
  });
  return child;
}

async function killChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}
