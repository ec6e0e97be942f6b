import type { Client } from "pg";
import type { Log } from "../log.ts";
import { type Database, EngineAlreadyRunning } from "./database.ts";
import type { Change, StepRow } from "./rows.ts";
import { writeChanges } from "./write-changes.ts";

/** Rows that one transaction takes at most; what is more waits for the next. */
const MAX_CHANGES = 2_000;

/** From this age on, a transaction that is not committed yet holds throttled starts up. */
const SLOW_COMMIT_MS = 250;

interface Waiting {
  change: Partial<Change>;
  resolve: (dropped: ReadonlySet<string>) => void;
  reject: (error: Error) => void;
}

/**
 * The only writer of the engine's state: group commit. Changes that arrive while a transaction runs are
 * written together in the next, in the order of arrival, so that durability is paid once per batch.
 * `commit` resolves when its change is durable. A lost connection is waited out: the same batch is written
 * again, which is harmless, and `onRecovered` is called because a batch may have been committed unseen.
 */
export class Writer {
  readonly #database: Database;
  readonly #log: Log;
  #waiting: Waiting[] = [];
  #running: Promise<void> | null = null;
  #flushingSinceMs: number | null = null;
  #stopped = false;
  onRecovered: () => void = () => {};
  /** These steps are durable; called before any commit resolves that they came with. */
  onSteps: (steps: readonly StepRow[]) => void = () => {};
  /** Another engine took the lock while our connection was lost: this one must not go on. */
  onLockLost: (error: Error) => void = () => {};

  constructor(database: Database, log: Log) {
    this.#database = database;
    this.#log = log;
  }

  /**
   * While commits are slow: the instant until which no throttled run is to be started, else 0. All that waits for
   * one commit goes out at once when it comes, which a throttle must not allow.
   */
  restUntilMs(nowMs: number): number {
    const sinceMs = this.#flushingSinceMs;
    return sinceMs !== null && nowMs - sinceMs > SLOW_COMMIT_MS ? nowMs + SLOW_COMMIT_MS / 5 : 0;
  }

  /** Resolves when the change is durable, with the runs that were not started because their event was a duplicate. */
  commit(change: Partial<Change>): Promise<ReadonlySet<string>> {
    if (this.#stopped) return Promise.reject(new Error("the engine is stopping"));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ change, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Writes what waits and refuses what comes later. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MAX_CHANGES);
      this.#flushingSinceMs = Date.now();
      await this.#flush(batch);
      this.#flushingSinceMs = null;
    }
    this.#running = null;
  }

  async #flush(batch: Waiting[]): Promise<void> {
    for (let failures = 0; ; failures++) {
      try {
        const droppedRuns = await this.#transaction(batch.map((waiting) => waiting.change));
        if (failures > 0) this.onRecovered();
        for (const { change } of batch) this.onSteps(change.steps ?? []);
        for (const waiting of batch) waiting.resolve(droppedRuns);
        return;
      } catch (error) {
        if (error instanceof EngineAlreadyRunning) this.onLockLost(error);
        if (isOurFault(error)) {
          this.#log.error({ err: error, changes: batch.length }, "a change was refused by Postgres");
          if (batch.length === 1) batch[0]?.reject(error as Error);
          else for (const waiting of batch) await this.#flush([waiting]);
          return;
        }
        if (this.#stopped && failures > 2) {
          for (const waiting of batch) waiting.reject(error as Error);
          return;
        }
        if (failures % 20 === 0) this.#log.warn({ err: error }, "Postgres cannot be reached; trying again");
        this.#database.dropWriteConnection();
        await new Promise((resolve) => setTimeout(resolve, Math.min(1_000, 50 * 2 ** Math.min(failures, 5))));
      }
    }
  }

  async #transaction(changes: Partial<Change>[]): Promise<Set<string>> {
    const client: Client = await this.#database.writeConnection();
    await client.query("begin");
    try {
      const dropped = await writeChanges(client, changes, Date.now());
      await client.query("commit");
      return dropped;
    } catch (error) {
      if (isOurFault(error)) await client.query("rollback").catch(() => this.#database.dropWriteConnection());
      throw error;
    }
  }
}

/** Whether Postgres understood and refused (so trying again is in vain); a server going down is not that. */
function isOurFault(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return typeof code === "string" && /^(22|23|42|54)/.test(code);
}
