import { ulidFloor } from "../protocol/ids.ts";
import type { Database } from "./database.ts";

/** Which runs to list; null leaves a part open. `beforeId` is the last id of the page before. */
export interface RunFilter {
  fnId: string | null;
  status: number | null;
  fromMs: number | null;
  toMs: number | null;
  beforeId: string | null;
}

export interface ListedRun {
  id: string;
  fnId: string;
  status: number;
  eventId: string;
  queuedAtMs: number;
  endedAtMs: number | null;
  output: string | null;
  parentRunId: string | null;
}

export interface ListedStep {
  stepId: string;
  op: string;
  name: string;
  /** What calls carry for it; null while it is pending. */
  memo: string | null;
  input: string | null;
  startedAtMs: number;
  atMs: number;
  failures: { attempt: number; error: string; atMs: number }[];
}

/** Runs, the newest first. */
export async function listRuns(database: Database, filter: RunFilter, limit: number): Promise<ListedRun[]> {
  const found = await database.pool.query(
    `select * from run where ($1::uuid is null or fn_id = $1) and ($2::smallint is null or status = $2)
       and id >= $3 and id < $4 order by id desc limit $5`,
    [
      filter.fnId,
      filter.status,
      ulidFloor(filter.fromMs ?? 0),
      [filter.beforeId ?? "Z", filter.toMs === null ? "Z" : ulidFloor(filter.toMs)].sort()[0],
      limit,
    ],
  );
  return found.rows.map(readRun);
}

/** One run with the events that started it and all that is known of its steps; null when there is none. */
export async function readTimeline(
  database: Database,
  id: string,
): Promise<{
  run: ListedRun;
  event: string | null;
  steps: ListedStep[];
  failures: ListedStep["failures"];
} | null> {
  const { pool } = database;
  const [runs, steps, failed] = await Promise.all([
    pool.query(
      `select r.*, e.body, (select '[' || string_agg(m.body, ',' order by v.position) || ']' from run_event v
         join event m on m.internal_id = v.event_id where v.run_id = r.id) as batch
       from run r left join event e on e.internal_id = r.event_id where r.id = $1`,
      [id],
    ),
    pool.query(
      "select * from step where run_id = $1 order by coalesce(nullif(seq, 0), 1000000), started_at_ms",
      [id],
    ),
    pool.query("select * from failed_attempt where run_id = $1 order by attempt", [id]),
  ]);
  const row = runs.rows[0];
  if (!row) return null;
  const failuresOf = (stepId: string): ListedStep["failures"] =>
    failed.rows
      .filter((failure) => failure.step_id === stepId)
      .map((failure) => ({ attempt: failure.attempt, error: failure.error, atMs: failure.at_ms }));
  const listed = steps.rows.map((step) => ({
    stepId: step.step_id,
    op: step.op,
    name: step.name,
    memo: step.memo,
    input: step.input,
    startedAtMs: step.started_at_ms ?? step.at_ms,
    atMs: step.at_ms,
    failures: failuresOf(step.step_id),
  }));
  // A step that has only failed so far may not be planned: its row comes with its result.
  const known = new Set(listed.map((step) => step.stepId));
  for (const failure of failed.rows) {
    if (failure.step_id === "" || known.has(failure.step_id)) continue;
    known.add(failure.step_id);
    const failures = failuresOf(failure.step_id);
    const startedAtMs = failures[0]?.atMs ?? 0;
    listed.push({
      stepId: failure.step_id,
      op: "StepError",
      name: failure.step_id.slice(0, 8),
      memo: null,
      input: null,
      startedAtMs,
      atMs: startedAtMs,
      failures,
    });
  }
  return { run: readRun(row), event: row.batch ?? row.body, steps: listed, failures: failuresOf("") };
}

function readRun(row: Record<string, unknown>): ListedRun {
  return {
    id: String(row.id),
    fnId: String(row.fn_id),
    status: Number(row.status),
    eventId: String(row.event_id),
    queuedAtMs: Number(row.queued_at_ms),
    endedAtMs: row.ended_at_ms === null ? null : Number(row.ended_at_ms),
    output: row.output === null ? null : String(row.output),
    parentRunId: row.parent_run_id === null ? null : String(row.parent_run_id),
  };
}
