import { randomUUID } from "node:crypto";
import { createServer } from "node:net";
import { serve as listen } from "@hono/node-server";
import { Hono } from "hono";
import { Inngest, type InngestFunction } from "inngest";
import { serve } from "inngest/hono";
import { createTestDatabase } from "#tests/support/databases.ts";
import { type EngineProcess, EVENT_KEY, SIGNING_KEY, startEngineProcess } from "./engine-process.ts";

export interface RunView {
  run_id: string;
  status: "Running" | "Completed" | "Failed" | "Cancelled";
  output: unknown;
}

/** An app served by the official SDK, and the Inngest server it is synced with. */
export interface World {
  client: Inngest;
  /** A name that no other test uses, for events: `name("steps")`. */
  name: (suffix: string) => string;
  baseUrl: string;
  /** Null when INNGEST_BASE_URL names a server that is not ours. */
  engine: EngineProcess | null;
  databaseUrl: string | null;
  /** Sends an event and returns its (internal) id. */
  send: (
    suffix: string,
    data?: Record<string, unknown>,
    more?: { id?: string; ts?: number },
  ) => Promise<string>;
  /** GET with the signing key. */
  get: (path: string) => Promise<{ status: number; body: unknown }>;
  /** The runs of an event once there are `count` of them and all have ended. */
  ended: (eventId: string, count?: number, timeoutMs?: number) => Promise<RunView[]>;
  restartEngine: (signal: NodeJS.Signals) => Promise<void>;
  stopApp: () => Promise<void>;
  startApp: () => Promise<void>;
  close: () => Promise<void>;
}

export type DefineFunctions = (client: Inngest, name: (suffix: string) => string) => InngestFunction.Any[];

/** Builds a world around functions; each test file makes one. */
export async function createWorld(
  define: DefineFunctions,
  options: { engineEnv?: Record<string, string>; checkpointing?: boolean } = {},
): Promise<World> {
  const external = process.env.INNGEST_BASE_URL;
  const appId = `conf-${randomUUID().slice(0, 8)}`;
  const name = (suffix: string): string => `${appId}/${suffix}`;
  const database = external ? null : await createTestDatabase({ migrate: false });
  let engine = database ? await startEngineProcess(database.url, { env: options.engineEnv ?? {} }) : null;
  const baseUrl = external ?? engine?.url ?? "";
  const client = new Inngest({
    id: appId,
    baseUrl,
    eventKey: EVENT_KEY,
    signingKey: SIGNING_KEY,
    isDev: false,
    checkpointing: options.checkpointing ?? true,
    logger: silentLogger,
  });
  const appPort = await freePort();
  const functions = define(client, name);
  const app = new Hono();
  app.on(
    ["GET", "POST", "PUT"],
    "/api/inngest",
    serve({ client, functions, serveOrigin: `http://127.0.0.1:${appPort}` }),
  );
  let server: ReturnType<typeof listen> | null = null;
  const startApp = (): Promise<void> =>
    new Promise((resolve) => {
      server = listen({ fetch: app.fetch, hostname: "127.0.0.1", port: appPort }, () => resolve());
    });
  const stopApp = (): Promise<void> =>
    new Promise((resolve) => {
      server?.close(() => resolve());
      if (server && "closeAllConnections" in server) server.closeAllConnections();
      server = null;
    });
  await startApp();
  const sync = await fetch(`http://127.0.0.1:${appPort}/api/inngest`, { method: "PUT" });
  if (!sync.ok) throw new Error(`sync failed: ${sync.status} ${await sync.text()}`);

  const get = async (path: string): Promise<{ status: number; body: unknown }> => {
    const { hashSigningKey } = await import("#infra/engine/protocol/signing.ts");
    const answer = await fetch(new URL(path, baseUrl), {
      headers: { authorization: `Bearer ${hashSigningKey(SIGNING_KEY)}` },
    });
    return { status: answer.status, body: await answer.json() };
  };
  return {
    client,
    name,
    baseUrl,
    get engine() {
      return engine;
    },
    databaseUrl: database?.url ?? null,
    get,
    send: async (suffix, data = {}, more = {}) => {
      const { ids } = await client.send({ name: name(suffix), data, ...more });
      return ids[0] ?? "";
    },
    ended: async (eventId, count = 1, timeoutMs = 20_000) =>
      await until(
        async () => {
          // A connection that an engine which was killed has left behind answers nothing: it is asked again.
          const answer = await get(`/v1/events/${eventId}/runs`).catch(() => null);
          const runs = (answer?.body as { data?: RunView[] } | undefined)?.data ?? [];
          return runs.length >= count && runs.every((run) => run.status !== "Running") ? runs : null;
        },
        timeoutMs,
        () => `runs of ${eventId} to end`,
      ),
    restartEngine: async (signal) => {
      if (!engine || !database) throw new Error("only the local engine can be restarted");
      const { port } = engine;
      await engine.kill(signal);
      engine = await startEngineProcess(database.url, { port, env: options.engineEnv ?? {} });
    },
    startApp,
    stopApp,
    close: async () => {
      await stopApp();
      await engine?.kill("SIGKILL");
      await database?.drop();
    },
  };
}

/** Polls until the probe yields something other than null; fails after the deadline, saying what it waited for. */
export async function until<T>(
  probe: () => Promise<T | null> | T | null,
  timeoutMs: number,
  what: () => string,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (let waitMs = 20; ; waitMs = Math.min(200, waitMs * 1.5)) {
    const value = await probe();
    if (value !== null) return value;
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

async function freePort(): Promise<number> {
  return await new Promise((resolve) => {
    const probe = createServer();
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      const port = typeof address === "object" && address ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

const silent = (): void => {};
const silentLogger = { info: silent, warn: silent, error: silent, debug: silent };
