import { batched } from "./batched.ts";
import type { Database } from "./database.ts";
import { ItemKind, RunStatus, type StepRow } from "./rows.ts";
import { RunState } from "./run-state.ts";
import { STEP, selectList } from "./tables.ts";

const MAX_BYTES = 64 * 1024 * 1024;

/**
 * The runs in memory: those in use, and as many recently used ones as fit 64 MiB. Runs that are asked for in
 * the same tick are read from the database together.
 */
export class Runs {
  readonly #stored: (id: string) => Promise<RunState | null>;
  readonly #cached = new Map<string, RunState>();
  #bytes = 0;

  constructor(database: Database) {
    this.#stored = batched((ids) => readRuns(database, ids));
  }

  /** The run, held in memory until `release`; null when there is none. */
  async acquire(id: string): Promise<RunState | null> {
    let run = this.#cached.get(id) ?? null;
    if (!run) {
      const stored = await this.#stored(id);
      // Who asked at the same time may have been first; there must be one object per run.
      run = this.#cached.get(id) ?? stored;
      if (!run) return null;
      if (!this.#cached.has(id)) this.#put(run);
    }
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

  /** Keeps a run whose making was just committed, if there is room. */
  add(run: RunState): void {
    if (this.#bytes + run.bytes <= MAX_BYTES && !this.#cached.has(run.id)) this.#put(run);
  }

  /** These results are durable now. Their runs are held in memory by whoever commits them. */
  committed(steps: readonly StepRow[]): void {
    for (const { runId, seq } of steps) {
      const run = this.#cached.get(runId);
      if (run && seq > run.durable) run.durable = seq;
    }
  }

  /** Takes in a run as it stands in the database. */
  #put(run: RunState): void {
    run.durable = run.stack.length;
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
}

async function readRuns(database: Database, ids: string[]): Promise<Map<string, RunState>> {
  const runs = await database.pool.query({
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
    const run = new RunState({
      id: row.id,
      fnId: row.fn_id,
      keys: row.keys,
      parent: row.parent_run_id ? { runId: row.parent_run_id, stepId: row.parent_step_id } : null,
      events: row.bodies ?? (row.body === null ? [] : [row.body]),
      version: row.version,
      ended: row.status !== RunStatus.active,
      goQueued: row.go_kind !== null,
      called: row.go_kind !== ItemKind.start,
    });
    found.set(run.id, run);
  }
  const steps = await database.pool.query<StepRow>({
    name: "load-steps",
    text: `select ${selectList(STEP)} from step where run_id = any($1::text[]) order by run_id, seq`,
    values: [ids],
  });
  for (const step of steps.rows) {
    const run = found.get(step.runId);
    if (step.memo === null) run?.plan(step.stepId, step.op, step.name);
    else run?.finish(step.stepId, step.memo, step.op, step.name);
  }
  return found;
}
