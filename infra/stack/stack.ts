import { accessSync, constants, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { StackError } from "./errors.ts";
import { loadKeys } from "./keys.ts";
import { acquireLock } from "./lock.ts";
import { freePort } from "./ports.ts";
import { postgresAnswers, startPostgres } from "./postgres.ts";
import { redisAnswers, startRedis } from "./redis.ts";
import { endLeftovers } from "./stack-file.ts";
import { type Died, type StackPart, Supervisor } from "./supervisor.ts";
import { pollUntil } from "./wait.ts";

export type PartKind = "postgres" | "redis" | "engine" | "simulator" | "app";

export type StackOptions = {
  /** Where data, logs, keys and `stack.json` live, usually `.local`. One stack at a time per folder. */
  dataDir: string;
  /** Default: all. */
  parts?: PartKind[];
  /** Called with each line that a part writes to its log. */
  onLine?: (part: string, line: string) => void;
  /** Stop everything on SIGINT, SIGTERM and SIGHUP, then exit. Default true. */
  handleSignals?: boolean;
  /** Fixed ports; the others are picked. */
  ports?: Partial<Record<string, number>>;
};

export type Stack = {
  readonly parts: StackPart[];
  /** The part of that name; throws when the stack has none. */
  part: (name: string) => StackPart;
  kill: (name: string, signal: NodeJS.Signals) => Promise<void>;
  restart: (name: string) => Promise<void>;
  onDied: (listener: (died: Died) => void) => void;
  stop: () => Promise<void>;
};

/** Starts what is asked for and resolves when all of it is ready; when one part fails, the others are stopped. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const dataDir = resolve(options.dataDir);
  openDataDir(dataDir);
  const unlock = acquireLock(join(dataDir, "stack.lock"), dataDir);
  const supervisor = new Supervisor({ dataDir, onLine: options.onLine });
  const stop = async () => {
    await supervisor.stop();
    await endLeftovers(supervisor.stackFile);
    unlock();
  };
  const ignoreSignals = options.handleSignals === false ? () => {} : stopOnSignals(stop);
  try {
    await endLeftovers(supervisor.stackFile);
    await startParts(supervisor, dataDir, options);
  } catch (error) {
    await stop();
    ignoreSignals();
    throw error;
  }
  return {
    get parts() {
      return supervisor.parts();
    },
    part: (name) => {
      const found = supervisor.parts().find((part) => part.name === name);
      if (found === undefined) throw new StackError(`There is no part "${name}" in this stack.`);
      return found;
    },
    kill: (name, signal) => supervisor.kill(name, signal),
    restart: (name) => supervisor.restart(name),
    onDied: (listener) => supervisor.onDied(listener),
    stop: async () => {
      await stop();
      ignoreSignals();
    },
  };
}

async function startParts(supervisor: Supervisor, dataDir: string, options: StackOptions): Promise<void> {
  const wanted = new Set(options.parts ?? ["postgres", "redis", "engine", "simulator", "app"]);
  const keys = loadKeys(join(dataDir, "keys.json"));
  const port = async (name: string) => options.ports?.[name] ?? (await freePort());
  const { launch } = supervisor;

  if (wanted.has("postgres")) {
    const url = process.env.DATABASE_URL;
    if (url) await useExternal(supervisor, "postgres", "DATABASE_URL", url, postgresAnswers);
    else {
      const chosen = await port("postgres");
      await supervisor.start("postgres", () => startPostgres({ dataDir, port: chosen, launch }));
    }
  }
  if (wanted.has("redis")) {
    const url = process.env.REDIS_URL;
    if (url) await useExternal(supervisor, "redis", "REDIS_URL", url, redisAnswers);
    else {
      const chosen = await port("redis");
      const redis = { dir: join(dataDir, "redis"), port: chosen, password: keys.redisPassword, launch };
      await supervisor.start("redis", () => startRedis(redis));
    }
  }
  supervisor.ready(null);
}

async function useExternal(
  supervisor: Supervisor,
  name: string,
  variable: string,
  url: string,
  answers: (url: string) => Promise<boolean>,
): Promise<void> {
  if (!URL.canParse(url)) throw new StackError(`${variable} is not a URL.`);
  if (!(await pollUntil(() => answers(url), { deadlineMs: 15_000, everyMs: 250 }))) {
    throw new StackError(
      `${variable} is set, but ${name} does not answer at ${new URL(url).host} as it says.`,
    );
  }
  supervisor.addExternal(name, url);
}

function openDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true });
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    throw new StackError(
      `${dataDir} cannot be written by this user: it may have been made as root; delete it or change its owner.`,
    );
  }
}

function stopOnSignals(stop: () => Promise<void>): () => void {
  const numbers = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 };
  let asked = false;
  const onSignal = (signal: NodeJS.Signals) => {
    const code = 128 + numbers[signal as keyof typeof numbers];
    if (asked) process.exit(code); // The second time somebody is in a hurry: the reaper ends what is left.
    asked = true;
    stop().then(
      () => process.exit(code),
      () => process.exit(code),
    );
  };
  for (const signal of Object.keys(numbers)) process.on(signal, onSignal);
  return () => {
    for (const signal of Object.keys(numbers)) process.off(signal, onSignal);
  };
}
