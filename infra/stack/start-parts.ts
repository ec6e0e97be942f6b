import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { simulatedEnv } from "#infra/simulator/catalog.ts";
import { runMigrations, startApp } from "./app.ts";
import { startBalancer } from "./balancer.ts";
import {
  chooseEngine,
  type EngineChoice,
  type EngineKeys,
  startInngestServer,
  startLocalEngine,
} from "./engine.ts";
import { StackError } from "./errors.ts";
import { httpReady } from "./http-ready.ts";
import { type Keys, loadKeys } from "./keys.ts";
import type { StackOptions } from "./options.ts";
import { freePort } from "./ports.ts";
import { ensureDatabase, postgresAnswers, startPostgres } from "./postgres.ts";
import { redisAnswers, startRedis } from "./redis.ts";
import { startSimulator } from "./simulator.ts";
import type { StartPart, Supervisor } from "./supervisor.ts";
import { pollUntil } from "./wait.ts";

const none = Promise.resolve(null);

type Context = { supervisor: Supervisor; dataDir: string; options: StackOptions; keys: Keys };

/** What the whole stack came to: which engine, and the environment of the (first) app. */
export type Started = { engineKind: EngineChoice["kind"]; env: Record<string, string> };

/** Starts the wanted parts, each after what it needs; parts that need nothing of each other start together. */
export async function startParts(
  supervisor: Supervisor,
  dataDir: string,
  options: StackOptions,
): Promise<Started> {
  const wanted = new Set(options.parts ?? ["postgres", "redis", "engine", "simulator", "app"]);
  const choice = chooseEngine(process.env);
  const context: Context = { supervisor, dataDir, options, keys: loadKeys(join(dataDir, "keys.json")) };

  const [databaseUrl, redisUrl, simulatorUrl] = await allOrFirstError([
    wanted.has("postgres") ? postgres(context) : none,
    wanted.has("redis") ? redis(context) : none,
    wanted.has("simulator") ? simulator(context) : none,
  ]);
  const started: Started = { engineKind: choice.kind, env: {} };
  let engineAt: EngineAt | null = null;
  if (wanted.has("engine")) {
    engineAt = await engine(context, choice, need("engine", "postgres", databaseUrl), redisUrl);
  }
  if (wanted.has("app")) {
    const url = need("app", "postgres", databaseUrl);
    const appUrl = process.env.DATABASE_URL ? url : await ensureDatabase(url, "cerniq");
    await runMigrations(appUrl, supervisor.launch);
    started.env = await apps(context, {
      DATABASE_URL: appUrl,
      REDIS_URL: need("app", "redis", redisUrl),
      engine: need("app", "engine", engineAt),
      simulatorUrl,
    });
  }
  supervisor.ready(wanted.has("engine") ? choice.kind : null);
  return started;
}

async function postgres({ supervisor, dataDir, options }: Context): Promise<string> {
  const url = process.env.DATABASE_URL;
  if (url) return external(supervisor, "postgres", "DATABASE_URL", url, postgresAnswers);
  return onPort(supervisor, options, "postgres", (port) =>
    startPostgres({ dataDir, port, launch: supervisor.launch }),
  );
}

async function redis({ supervisor, dataDir, options, keys }: Context): Promise<string> {
  const url = process.env.REDIS_URL;
  if (url) return external(supervisor, "redis", "REDIS_URL", url, redisAnswers);
  return onPort(supervisor, options, "redis", (port) =>
    startRedis({
      dir: join(dataDir, "redis"),
      port,
      password: keys.redisPassword,
      launch: supervisor.launch,
    }),
  );
}

function simulator({ supervisor, options }: Context): Promise<string> {
  const extraEnv = options.partEnv?.simulator;
  return onPort(supervisor, options, "simulator", (port) =>
    startSimulator({ port, extraEnv, launch: supervisor.launch }),
  );
}

type EngineAt = { url: string; keys: EngineKeys };

async function engine(
  { supervisor, dataDir, options, keys }: Context,
  choice: EngineChoice,
  databaseUrl: string,
  redisUrl: string | null,
): Promise<EngineAt> {
  const { launch } = supervisor;
  if (choice.from === "url") {
    const answers = (url: string) => httpReady(new URL("/health", url).toString()).ask();
    return {
      url: await external(supervisor, "engine", "INNGEST_BASE_URL", choice.url, answers),
      keys: choice.keys,
    };
  }
  const database = await engineDatabase(databaseUrl, choice.kind);
  if (choice.from === "binary") {
    const gatewayPort = options.ports?.["engine-gateway"] ?? (await freePort());
    const server = {
      binary: choice.binary,
      gatewayPort,
      databaseUrl: database,
      // Database 0 is the app's.
      redisUrl: process.env.REDIS_URL ?? `${need("engine", "redis", redisUrl)}/1`,
    };
    const url = await onPort(supervisor, options, "engine", (port) =>
      startInngestServer({ ...server, port, keys, dataDir, launch }),
    );
    return { url, keys };
  }
  const extraEnv = options.partEnv?.engine;
  const url = await onPort(supervisor, options, "engine", (port) =>
    startLocalEngine({ port, databaseUrl: database, keys, extraEnv, launch }),
  );
  return { url, keys };
}

// The engine's state lies in a database of its own, on the same server as the app's.
async function engineDatabase(serverUrl: string, kind: EngineChoice["kind"]): Promise<string> {
  if (process.env.ENGINE_DATABASE_URL) return process.env.ENGINE_DATABASE_URL;
  const name = kind === "local" ? "cerniq_engine" : "cerniq_inngest";
  try {
    const url = new URL(await ensureDatabase(serverUrl, name));
    if (kind === "inngest" && !process.env.DATABASE_URL) url.searchParams.set("sslmode", "disable");
    return url.toString();
  } catch (error) {
    if ((error as { code?: string }).code !== "42501") throw error;
    throw new StackError(
      `The user of DATABASE_URL may not create the engine's database ${name}: create it, or set ENGINE_DATABASE_URL.`,
    );
  }
}

async function apps(
  { supervisor, dataDir, options, keys }: Context,
  needs: { DATABASE_URL: string; REDIS_URL: string; engine: EngineAt; simulatorUrl: string | null },
): Promise<Record<string, string>> {
  const replicas = options.appReplicas ?? 1;
  const names = Array.from({ length: replicas }, (_, index) => `app-${index + 1}`);
  const ports = await Promise.all(names.map(async (name) => options.ports?.[name] ?? (await freePort())));
  const uploads = join(dataDir, "uploads");
  mkdirSync(uploads, { recursive: true, mode: 0o700 });
  const shared = {
    NODE_ENV: "production",
    HOST: "127.0.0.1",
    DATABASE_URL: needs.DATABASE_URL,
    REDIS_URL: needs.REDIS_URL,
    INNGEST_BASE_URL: needs.engine.url,
    INNGEST_EVENT_KEY: needs.engine.keys.eventKey,
    INNGEST_SIGNING_KEY: needs.engine.keys.signingKey,
    SECRET_KEYS: keys.secretKeys,
    SERVICE_KEY: keys.serviceKey,
    METRICS_KEY: keys.metricsKey,
    UPLOAD_DIR: uploads,
    LOG_LEVEL: "info",
    ...providers(options, needs.simulatorUrl),
  };
  const balanced =
    replicas < 2
      ? null
      : await onPort(supervisor, options, "balancer", (port) =>
          startBalancer({ port, targetPorts: ports, launch: supervisor.launch }),
        );
  const environments = ports.map((port) => ({
    ...shared,
    // An engine elsewhere cannot call 127.0.0.1: then APP_URL says where it finds the app.
    APP_URL: process.env.APP_URL ?? balanced ?? `http://127.0.0.1:${port}`,
    ...options.env,
    PORT: String(port),
  }));
  await allOrFirstError(
    names.map((name, index) => {
      const env = environments[index] as Record<string, string>;
      const port = ports[index] as number;
      return supervisor.start(name, () =>
        startApp({ name, port, env, watch: options.watch ?? false, launch: supervisor.launch }),
      );
    }),
  );
  return environments[0] ?? {};
}

/** What the app calls: the simulator, unless it is told of something else. `liveAnaf`: only ANAF is the real one. */
function providers(options: StackOptions, simulatorUrl: string | null): Record<string, string> {
  if (simulatorUrl === null && !options.liveAnaf && !options.env?.ANAF_BASE_URL) {
    throw new StackError(
      "Without the simulator the app would call the real ANAF: start it too, or ask for liveAnaf.",
    );
  }
  const simulated = simulatorUrl === null ? {} : simulatedEnv(simulatorUrl);
  if (options.liveAnaf) delete simulated.ANAF_BASE_URL;
  return simulated;
}

async function external(
  supervisor: Supervisor,
  name: string,
  variable: string,
  url: string,
  answers: (url: string) => Promise<boolean>,
): Promise<string> {
  if (!URL.canParse(url)) throw new StackError(`${variable} is not a URL.`);
  if (!(await pollUntil(() => answers(url), { deadlineMs: 15_000, everyMs: 250 }))) {
    throw new StackError(
      `${variable} is set, but no ${name} answers at ${new URL(url).host} with what it says.`,
    );
  }
  supervisor.addExternal(name, url);
  return url;
}

// Between the look at a port and its use another process may take it: then another one is tried.
async function onPort(
  supervisor: Supervisor,
  options: StackOptions,
  name: string,
  start: (port: number) => ReturnType<StartPart>,
): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const fixed = options.ports?.[name];
    const port = fixed ?? (await freePort());
    try {
      return await supervisor.start(name, () => start(port));
    } catch (error) {
      const taken = /EADDRINUSE|address already in use/i.test(String(error));
      if (!taken || fixed !== undefined || attempt === 3) throw error;
    }
  }
}

function need<T>(part: string, needed: string, value: T | null): T {
  if (value === null) throw new StackError(`The part ${part} needs ${needed}: add it to the parts.`);
  return value;
}

// Promise.all, but it waits for the rest: a part still starting must be known before everything is stopped.
async function allOrFirstError<T extends readonly Promise<unknown>[]>(
  promises: [...T],
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}
