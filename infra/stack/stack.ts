import { accessSync, constants, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { StackError } from "./errors.ts";
import { acquireLock } from "./lock.ts";
import type { StackOptions } from "./options.ts";
import { endLeftovers } from "./stack-file.ts";
import { type Started, startParts } from "./start-parts.ts";
import { type Died, type StackPart, Supervisor } from "./supervisor.ts";

export type Stack = Started & {
  /** All parts as they are now, those that others need first. */
  readonly parts: StackPart[];
  /** The part of that name; throws when the stack has none. */
  part: (name: string) => StackPart;
  /** Sends a signal to a part. One that ends by it is not reported as died. */
  kill: (name: string, signal: NodeJS.Signals) => Promise<void>;
  /** Starts a part again, on the same port and with the same environment; stops it first where it still runs. */
  restart: (name: string) => Promise<void>;
  /** Calls the listener for each part that ends without having been asked to. */
  onDied: (listener: (died: Died) => void) => void;
  /** Stops everything that was started here, in reverse order. */
  stop: () => Promise<void>;
};

/** Starts what is asked for and resolves when all of it is ready; when one part fails, the others are stopped. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const dataDir = resolve(options.dataDir);
  openDataDir(dataDir);
  const unlock = await acquireLock(join(dataDir, "stack.lock"), dataDir);
  const supervisor = new Supervisor({ dataDir, onLine: options.onLine });
  const stop = async () => {
    await supervisor.stop();
    await endLeftovers(supervisor.stackFile);
    unlock();
  };
  const ignoreSignals = options.handleSignals === false ? () => {} : stopOnSignals(stop);
  let started: Started;
  try {
    await endLeftovers(supervisor.stackFile);
    started = await startParts(supervisor, dataDir, options);
  } catch (error) {
    await stop();
    ignoreSignals();
    throw error;
  }
  return {
    ...started,
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
