import { setTimeout as sleep } from "node:timers/promises";
import { matches } from "../expressions.ts";
import { countRuns, type RunFilter, runsAfter } from "../state/run-queries.ts";
import type { OperationPorts } from "./ports.ts";

/** Which runs an operation is about. */
export interface BulkFilter extends RunFilter {
  /** Only runs whose event this expression accepts. */
  if: string | null;
}

/** What is asked for. */
export interface BulkRequest {
  /** Given by the caller: asking twice is asking once. */
  id: string;
  kind: "cancel" | "replay";
  filter: BulkFilter;
  /** Runs per second. */
  rate: number;
}

export interface BulkOperation extends BulkRequest {
  status: "running" | "done" | "stopped";
  /** Runs that the filter chose at the start (before its `if`), and how many of them were looked at. */
  total: number;
  done: number;
  /** The last run that was looked at; "" for none. */
  afterRunId: string;
  createdAt: Date;
  endedAt: Date | null;
}

export interface BulkPorts extends Pick<OperationPorts, "database" | "writer" | "log" | "cancel"> {
  /** Starts a run anew, once per key. */
  replay: (runId: string, onceKey: string) => Promise<unknown>;
}

const MAX_BATCH = 50;
const RETRY_MS = 1_000;

/**
 * Cancels or replays many runs, a batch at a time and no faster than its rate. The place it has come to is kept
 * in the database, and doing a batch twice is harmless, so that it goes on after a restart.
 */
export class BulkOperations {
  readonly #ports: BulkPorts;
  /** Changed in memory first; the writer keeps the order. */
  readonly #running = new Map<string, BulkOperation>();
  #stopped = false;

  constructor(ports: BulkPorts) {
    this.#ports = ports;
  }

  /** Goes on with what a former process left unfinished. */
  async resume(): Promise<void> {
    for (const operation of await this.#select("where status = 'running'")) void this.#run(operation);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Begins an operation; when the id is known, the one that is there already. */
  async begin(request: BulkRequest): Promise<{ operation: BulkOperation; isNew: boolean }> {
    const total = await countRuns(this.#ports.database, request.filter);
    const known = (await this.get(request.id)) ?? this.#running.get(request.id);
    if (known) return { operation: known, isNew: false };
    const place = { status: "running", total, done: 0, afterRunId: "" } as const;
    const operation: BulkOperation = { ...request, ...place, createdAt: new Date(), endedAt: null };
    this.#running.set(operation.id, operation);
    await this.#save(operation);
    void this.#run(operation);
    return { operation, isNew: true };
  }

  async get(id: string): Promise<BulkOperation | null> {
    return (await this.#select("where id = $1", id))[0] ?? null;
  }

  /** The newest operations first. */
  async list(limit: number): Promise<BulkOperation[]> {
    return await this.#select("order by created_at desc limit $1", limit);
  }

  /** Ends an operation early; what it has done stays done. False when it is not running. */
  async end(id: string): Promise<boolean> {
    const operation = this.#running.get(id);
    if (operation?.status !== "running") return false;
    operation.status = "stopped";
    await this.#save(operation);
    return true;
  }

  async #run(operation: BulkOperation): Promise<void> {
    this.#running.set(operation.id, operation);
    const size = Math.min(MAX_BATCH, operation.rate);
    while (operation.status === "running" && !this.#stopped) {
      const nextAtMs = Date.now() + (size / operation.rate) * 1_000;
      try {
        await this.#batch(operation, size);
      } catch (error) {
        if (this.#stopped) return;
        this.#ports.log.warn({ err: error, id: operation.id }, "a bulk operation failed; trying again");
        await sleep(RETRY_MS, null, { ref: false });
      }
      if (operation.status === "running")
        await sleep(Math.max(0, nextAtMs - Date.now()), null, { ref: false });
    }
    this.#running.delete(operation.id);
  }

  async #batch(operation: BulkOperation, size: number): Promise<void> {
    const { id, kind, filter, afterRunId } = operation;
    const runs = await runsAfter(this.#ports.database, filter, afterRunId, size);
    await Promise.all(
      runs
        .filter(({ body }) => matches(filter.if, { event: JSON.parse(body ?? "{}") as unknown }))
        .map((run) =>
          kind === "cancel"
            ? this.#ports.cancel(run.id, `bulk operation ${id}`)
            : this.#ports.replay(run.id, `bulk ${id} ${run.id}`),
        ),
    );
    operation.done += runs.length;
    operation.afterRunId = runs.at(-1)?.id ?? afterRunId;
    if (runs.length < size && operation.status === "running") operation.status = "done";
    await this.#save(operation);
  }

  /** By the engine's one writer: an engine that has lost its lock must not write. */
  async #save(operation: BulkOperation): Promise<void> {
    const { id, kind, filter, rate, status, total, done, afterRunId, createdAt } = operation;
    const text = `insert into bulk_operation (id, kind, filter, rate, status, total, done, after_run_id, created_at)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
      on conflict (id) do update set status = excluded.status, done = excluded.done,
        after_run_id = excluded.after_run_id, ended_at = case when excluded.status <> 'running' then now() end`;
    const values = [id, kind, JSON.stringify(filter), rate, status, total, done, afterRunId, createdAt];
    await this.#ports.writer.commit({ statements: [{ text, values }] });
  }

  async #select(rest: string, ...values: unknown[]): Promise<BulkOperation[]> {
    const found = await this.#ports.database.pool.query<Omit<BulkOperation, "filter"> & { filter: string }>(
      `select id, kind, filter, rate, status, total, done, after_run_id as "afterRunId",
         created_at as "createdAt", ended_at as "endedAt" from bulk_operation ${rest}`,
      values,
    );
    return found.rows.map((row) => ({ ...row, filter: JSON.parse(row.filter) as BulkFilter }));
  }
}
