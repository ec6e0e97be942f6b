import { matches } from "../expressions.ts";
import type { Log } from "../log.ts";
import { ulidFloor } from "../protocol/ids.ts";
import type { Database } from "../state/database.ts";

export type BulkKind = "cancel" | "replay";

/** Which runs an operation is about; `status` as in RunStatus, null for any that the operation can be done to. */
export interface BulkFilter {
  fnId: string | null;
  status: number | null;
  fromMs: number;
  toMs: number;
  /** Only runs whose event this expression accepts. */
  if: string | null;
}

export interface BulkOperation {
  id: string;
  kind: BulkKind;
  filter: BulkFilter;
  /** Runs per second. */
  rate: number;
  status: "running" | "done" | "stopped";
  /** Runs that the filter chose at the start (before `if`), and how many of them were looked at. */
  total: number;
  done: number;
  createdAt: Date;
  endedAt: Date | null;
}

export interface BulkPorts {
  database: Database;
  log: Log;
  cancel: (runId: string, reason: string) => Promise<boolean>;
  /** Starts a run anew, once per key. */
  replay: (runId: string, onceKey: string) => Promise<void>;
}

const COLUMNS = "id, kind, filter, rate, status, total, done, created_at, ended_at, after_run_id";
const MAX_BATCH = 50;

/**
 * Cancels or replays many runs, a batch at a time and no faster than its rate. The place it has come to is kept
 * in the database, and doing a batch twice is harmless, so that it goes on after a restart.
 */
export class BulkOperations {
  readonly #ports: BulkPorts;
  readonly #running = new Set<string>();
  #stopped = false;

  constructor(ports: BulkPorts) {
    this.#ports = ports;
  }

  /** Goes on with what a former process left unfinished. */
  async resume(): Promise<void> {
    const found = await this.#ports.database.pool.query(
      "select id from bulk_operation where status = 'running'",
    );
    for (const row of found.rows) void this.#run(String(row.id));
  }

  stop(): void {
    this.#stopped = true;
  }

  /** How many runs an operation would look at now. */
  async preview(kind: BulkKind, filter: BulkFilter): Promise<number> {
    const { text, values } = where(kind, filter, "");
    const found = await this.#ports.database.pool.query<{ n: number }>(
      `select count(*)::bigint as n from run r where ${text}`,
      values,
    );
    return found.rows[0]?.n ?? 0;
  }

  /** Begins an operation; the one that is there already when the id is known. */
  async begin(id: string, kind: BulkKind, filter: BulkFilter, rate: number): Promise<BulkOperation> {
    await this.#ports.database.pool.query(
      `insert into bulk_operation (id, kind, filter, rate, total) values ($1, $2, $3, $4, $5) on conflict do nothing`,
      [id, kind, JSON.stringify(filter), rate, await this.preview(kind, filter)],
    );
    void this.#run(id);
    return (await this.get(id)) as BulkOperation;
  }

  async get(id: string): Promise<BulkOperation | null> {
    const found = await this.#ports.database.pool.query(
      `select ${COLUMNS} from bulk_operation where id = $1`,
      [id],
    );
    return found.rows[0] ? read(found.rows[0]) : null;
  }

  /** The newest operations first. */
  async list(limit: number): Promise<BulkOperation[]> {
    const found = await this.#ports.database.pool.query(
      `select ${COLUMNS} from bulk_operation order by created_at desc limit $1`,
      [limit],
    );
    return found.rows.map(read);
  }

  /** Ends an operation early; what it has done stays done. False when it is not running. */
  async end(id: string): Promise<boolean> {
    const ended = await this.#ports.database.pool.query(
      "update bulk_operation set status = 'stopped', ended_at = now() where id = $1 and status = 'running'",
      [id],
    );
    return ended.rowCount === 1;
  }

  async #run(id: string): Promise<void> {
    if (this.#running.has(id)) return;
    this.#running.add(id);
    try {
      while (!this.#stopped) {
        const startedAt = Date.now();
        const step = await this.#batch(id).catch((error: unknown) => {
          if (!this.#stopped)
            this.#ports.log.warn({ err: error, id }, "a bulk operation failed; trying again");
          return { waitMs: 1_000 };
        });
        if (!step) return;
        await new Promise((resolve) => setTimeout(resolve, startedAt + step.waitMs - Date.now()).unref());
      }
    } finally {
      this.#running.delete(id);
    }
  }

  /** Does one batch; null when the operation has ended. */
  async #batch(id: string): Promise<{ waitMs: number } | null> {
    const { pool } = this.#ports.database;
    const found = await pool.query(
      `select ${COLUMNS} from bulk_operation where id = $1 and status = 'running'`,
      [id],
    );
    if (!found.rows[0]) return null;
    const operation = read(found.rows[0]);
    const { text, values } = where(operation.kind, operation.filter, String(found.rows[0].after_run_id));
    const size = Math.min(MAX_BATCH, operation.rate);
    const runs = await pool.query<{ id: string; body: string | null }>(
      `select r.id, e.body from run r left join event e on e.internal_id = r.event_id
       where ${text} order by r.id limit ${size}`,
      values,
    );
    const condition = operation.filter.if;
    const chosen = runs.rows.filter(
      (run) => condition === null || matches(condition, { event: JSON.parse(run.body ?? "{}") as unknown }),
    );
    await Promise.all(
      chosen.map((run) =>
        operation.kind === "cancel"
          ? this.#ports.cancel(run.id, `bulk operation ${id}`)
          : this.#ports.replay(run.id, `bulk ${id} ${run.id}`),
      ),
    );
    const last = runs.rows.length < size;
    await pool.query(
      `update bulk_operation set done = done + $2, after_run_id = coalesce($3, after_run_id),
         status = case when $4 then 'done' else status end, ended_at = case when $4 then now() end
       where id = $1 and status = 'running'`,
      [id, runs.rows.length, runs.rows.at(-1)?.id ?? null, last],
    );
    return last ? null : { waitMs: (size / operation.rate) * 1_000 };
  }
}

/** The condition of a filter; runs can be cancelled while they go on, and replayed when they have ended. */
function where(kind: BulkKind, filter: BulkFilter, afterRunId: string): { text: string; values: unknown[] } {
  return {
    text: `r.id > $1 and r.id >= $2 and r.id < $3 and ($4::uuid is null or r.fn_id = $4)
       and ($5::smallint is null or r.status = $5) and r.status ${kind === "cancel" ? "= 0" : "<> 0"}`,
    values: [afterRunId, ulidFloor(filter.fromMs), ulidFloor(filter.toMs), filter.fnId, filter.status],
  };
}

function read(row: Record<string, unknown>): BulkOperation {
  return {
    id: String(row.id),
    kind: row.kind as BulkKind,
    filter: JSON.parse(String(row.filter)) as BulkFilter,
    rate: Number(row.rate),
    status: row.status as BulkOperation["status"],
    total: Number(row.total),
    done: Number(row.done),
    createdAt: row.created_at as Date,
    endedAt: row.ended_at as Date | null,
  };
}
