import type { Database } from "./database.ts";
import { RunState } from "./run-state.ts";

const MAX_BYTES = 64 * 1024 * 1024;

/**
 * The runs in memory: those in use, and as many recently used ones as fit 64 MiB. Runs that are asked for in
 * the same tick are read from the database together.
 */
export class Runs {
  readonly #database: Database;
  readonly #cached = new Map<string, RunState>();
  #bytes = 0;
  #wanted = new Map<
    string,
    { resolve: (run: RunState | null) => void; reject: (error: unknown) => void }[]
  >();

  constructor(database: Database) {
    this.#database = database;
  }

  /** The run, held in memory until `release`; null when there is none. */
  async acquire(id: string): Promise<RunState | null> {
    const run = this.#cached.get(id) ?? (await this.#load(id));
    if (!run) return null;
    if (run.pins === 0) {
      this.#cached.delete(id);
      this.#cached.set(id, run);
    }
    run.pins += 1;
    return run;
  }

  release(run: RunState): void {
    run.pins -= 1;
    if (run.countedBytes > 0) this.#count(run);
    if (run.pins === 0 && run.ended) this.#drop(run);
    else if (run.pins === 0) this.#trim();
  }

  /** Keeps a run that was just created, if there is room. */
  add(run: RunState): void {
    if (this.#bytes + run.bytes > MAX_BYTES) return;
    this.#put(run);
  }

  #put(run: RunState): void {
    this.#cached.set(run.id, run);
    this.#count(run);
  }

  #count(run: RunState): void {
    this.#bytes += run.bytes - run.countedBytes;
    run.countedBytes = run.bytes;
  }

  #drop(run: RunState): void {
    if (this.#cached.delete(run.id)) this.#bytes -= run.countedBytes;
    run.countedBytes = 0;
  }

  #trim(): void {
    if (this.#bytes <= MAX_BYTES) return;
    for (const run of this.#cached.values()) {
      if (this.#bytes <= MAX_BYTES * 0.8) return;
      if (run.pins === 0) this.#drop(run);
    }
  }

  #load(id: string): Promise<RunState | null> {
    return new Promise((resolve, reject) => {
      if (this.#wanted.size === 0) setImmediate(() => void this.#loadWanted());
      const list = this.#wanted.get(id);
      if (list) list.push({ resolve, reject });
      else this.#wanted.set(id, [{ resolve, reject }]);
    });
  }

  async #loadWanted(): Promise<void> {
    const wanted = this.#wanted;
    this.#wanted = new Map();
    try {
      const found = await this.#read([...wanted.keys()]);
      for (const [id, waiters] of wanted) {
        // Another load of the same run may have ended first; there must be one object per run.
        const run = this.#cached.get(id) ?? found.get(id) ?? null;
        if (run && !this.#cached.has(id)) this.#put(run);
        for (const waiter of waiters) waiter.resolve(run);
      }
    } catch (error) {
      for (const waiters of wanted.values()) for (const waiter of waiters) waiter.reject(error);
    }
  }

  async #read(ids: string[]): Promise<Map<string, RunState>> {
    const runs = await this.#database.pool.query({
      name: "load-runs",
      text: `select r.*, e.body,
               (select kind from queue_item q where q.run_id = r.id and q.id = 'go') as go_kind,
               (select array_agg(m.body order by v.position) from run_event v
                join event m on m.internal_id = v.event_id where v.run_id = r.id) as bodies
             from run r left join event e on e.internal_id = r.event_id where r.id = any($1::text[])`,
      values: [ids],
    });
    const found = new Map<string, RunState>();
    for (const row of runs.rows) {
      found.set(
        row.id,
        new RunState({
          id: row.id,
          fnId: row.fn_id,
          keys: row.keys,
          queuedAtMs: row.queued_at_ms,
          parent: row.parent_run_id ? { runId: row.parent_run_id, stepId: row.parent_step_id } : null,
          events: row.bodies ?? (row.body === null ? [] : [row.body]),
          version: row.version,
          ended: row.status !== 0,
          goQueued: row.go_kind !== null,
          started: row.go_kind !== 0,
        }),
      );
    }
    const steps = await this.#database.pool.query({
      name: "load-steps",
      text: "select * from step where run_id = any($1::text[]) order by run_id, seq",
      values: [ids],
    });
    for (const row of steps.rows) {
      const run = found.get(row.run_id);
      if (!run) continue;
      if (row.memo === null) run.plan(row.step_id, row.op, row.name, row.deadline_ms);
      else run.finish(row.step_id, row.memo, row.op, row.name);
    }
    return found;
  }
}
