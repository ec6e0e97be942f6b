import { join } from "node:path";
import { StackError } from "./errors.ts";
import { httpReady } from "./http-ready.ts";
import type { Keys } from "./keys.ts";
import { projectRoot, startNodePart } from "./node-part.ts";
import { awaitReady, type Launch, type PartProcess } from "./process.ts";
import { findProgram, isExecutable } from "./programs.ts";

export type EngineKeys = Pick<Keys, "eventKey" | "signingKey">;

export type EngineChoice =
  | { kind: "inngest"; from: "url"; url: string; keys: EngineKeys }
  | { kind: "inngest"; from: "binary"; binary: string }
  | { kind: "local"; from: "project" };

/** Which engine runs: INNGEST_BASE_URL, else an `inngest` binary, else the project's own. */
export function chooseEngine(env: Record<string, string | undefined>): EngineChoice {
  const { INNGEST_BASE_URL: url, INNGEST_EVENT_KEY: eventKey, INNGEST_SIGNING_KEY: signingKey } = env;
  if (url) {
    if (!URL.canParse(url)) throw new StackError("INNGEST_BASE_URL is not a URL.");
    if (!eventKey || !signingKey) {
      throw new StackError(
        "INNGEST_BASE_URL is set, so INNGEST_EVENT_KEY and INNGEST_SIGNING_KEY of that server are needed, too.",
      );
    }
    return { kind: "inngest", from: "url", url, keys: { eventKey, signingKey } };
  }
  if (env.INNGEST_BIN && !isExecutable(env.INNGEST_BIN)) {
    throw new StackError(`INNGEST_BIN names ${env.INNGEST_BIN}, which is no program that can be run.`);
  }
  const binary = env.INNGEST_BIN || findProgram("inngest", [join(projectRoot, "node_modules/.bin")]);
  return binary ? { kind: "inngest", from: "binary", binary } : { kind: "local", from: "project" };
}

/** Starts the project's own engine. */
export function startLocalEngine(options: {
  port: number;
  databaseUrl: string;
  keys: EngineKeys;
  extraEnv?: Record<string, string>;
  launch: Launch;
}): Promise<{ process: PartProcess; url: string }> {
  return startNodePart({
    name: "engine",
    script: "infra/engine/main.ts",
    env: {
      NODE_ENV: "production",
      ENGINE_HOST: "127.0.0.1",
      ENGINE_PORT: String(options.port),
      ENGINE_DATABASE_URL: options.databaseUrl,
      INNGEST_EVENT_KEY: options.keys.eventKey,
      INNGEST_SIGNING_KEY: options.keys.signingKey,
      ...options.extraEnv,
    },
    url: `http://127.0.0.1:${options.port}`,
    readyPath: "/health",
    launch: options.launch,
  });
}

/**
 * Starts the official server. Flags and variables as in inngest/inngest cmd/start/start.go (read 2026-11-22);
 * what holds a secret goes by environment, because everybody on the machine can read a command line.
 */
export async function startInngestServer(options: {
  binary: string;
  port: number;
  gatewayPort: number;
  databaseUrl: string;
  redisUrl: string;
  keys: EngineKeys;
  dataDir: string;
  launch: Launch;
}): Promise<{ process: PartProcess; url: string }> {
  const url = `http://127.0.0.1:${options.port}`;
  const part = await options.launch({
    name: "engine",
    command: options.binary,
    args: [
      "start",
      ...["--host", "127.0.0.1", "--port", String(options.port)],
      ...["--connect-gateway-port", String(options.gatewayPort)],
    ],
    env: {
      PATH: process.env.PATH ?? "/usr/bin:/bin",
      HOME: options.dataDir,
      INNGEST_EVENT_KEY: options.keys.eventKey,
      INNGEST_SIGNING_KEY: options.keys.signingKey,
      INNGEST_POSTGRES_URI: options.databaseUrl,
      INNGEST_REDIS_URI: options.redisUrl,
    },
    cwd: options.dataDir,
  });
  try {
    const ready = httpReady(`${url}/health`);
    await awaitReady(part, ready.ask, 60_000, ready.said);
  } catch (error) {
    await part.stop();
    throw error;
  }
  return { process: part, url };
}
