import { ulidFloor } from "../protocol/ids.ts";
import type { Database } from "./database.ts";
import type { FailedAttemptRow, RunRow, StepRow } from "./rows.ts";
import { FAILED_ATTEMPT, RUN, STEP, selectList } from "./tables.ts";

/** Which runs, by when they were queued; null leaves a part open. */
export interface RunFilter {
  fnId: string | null;
  status: number | null;
  fromMs: number;
  toMs: number;
}

export interface ListedRun extends Omit<RunRow, "dedupKey"> {
  status: number;
  endedAtMs: number | null;
  /** JSON. */
  output: string | null;
}

/** A step with its failed attempts; its memo is null while it is pending. */
export interface ListedStep extends Omit<StepRow, "runId" | "seq"> {
  startedAtMs: number;
  atMs: number;
  failures: FailedAttemptRow[];
}

export interface Timeline {
  run: ListedRun;
  /** JSON of the event, or of the list of events; null when it is not stored any more. */
  event: string | null;
  steps: ListedStep[];
  /** Of the function itself. */
  failures: FailedAttemptRow[];
}

const PASSES = `run.id >= $1 and run.id < $2 and ($3::uuid is null or run.fn_id = $3)
  and ($4::smallint is null or run.status = $4)`;

const values = ({ fromMs, toMs, fnId, status }: RunFilter): unknown[] => [
  ulidFloor(fromMs),
  ulidFloor(toMs),
  fnId,
  status,
];

/** Runs, by the conditions and the order that `rest` says in SQL. */
export async function selectRuns(
  { pool }: Database,
  rest: string,
  ...parameters: unknown[]
): Promise<ListedRun[]> {
  const text = `select ${selectList(RUN)}, status, ended_at_ms as "endedAtMs", output from run ${rest}`;
  return (await pool.query<ListedRun>(text, parameters)).rows;
}

/** Runs, the newest first, from the one before `beforeId` on. */
export async function listRuns(
  database: Database,
  filter: RunFilter,
  beforeId: string | null,
  limit: number,
): Promise<ListedRun[]> {
  const rest = `where ${PASSES} and ($5::text is null or run.id < $5) order by run.id desc limit $6`;
  return await selectRuns(database, rest, ...values(filter), beforeId, limit);
}

export async function countRuns({ pool }: Database, filter: RunFilter): Promise<number> {
  const text = `select count(*)::bigint as n from run where ${PASSES}`;
  return (await pool.query<{ n: number }>(text, values(filter))).rows[0]?.n ?? 0;
}

/** Runs in the order of their ids, from the one after `afterId` on, with the body of the event that started each. */
export async function runsAfter(
  { pool }: Database,
  filter: RunFilter,
  afterId: string,
  limit: number,
): Promise<{ id: string; body: string | null }[]> {
  const found = await pool.query<{ id: string; body: string | null }>(
    `select run.id, event.body from run left join event on event.internal_id = run.event_id
     where ${PASSES} and run.id > $5 order by run.id limit $6`,
    [...values(filter), afterId, limit],
  );
  return found.rows;
}

/** One run with the events that started it and all that is known of its steps; null when there is none. */
export async function readTimeline(database: Database, id: string): Promise<Timeline | null> {
  const { pool } = database;
  const [[run], events, steps, attempts] = await Promise.all([
    selectRuns(database, "where id = $1", id),
    pool.query<{ body: string }>(
      `select event.body from run left join run_event on run_event.run_id = run.id
       join event on event.internal_id = coalesce(run_event.event_id, run.event_id)
       where run.id = $1 order by run_event.position`,
      [id],
    ),
    pool.query<StepRow & { atMs: number }>(
      `select ${selectList(STEP)} from step where run_id = $1
       order by coalesce(nullif(seq, 0), 1000000), started_at_ms`,
      [id],
    ),
    pool.query<FailedAttemptRow>(
      `select ${selectList(FAILED_ATTEMPT)} from failed_attempt where run_id = $1 order by attempt`,
      [id],
    ),
  ]);
  if (!run) return null;
  const failures = Map.groupBy(attempts.rows, (failure) => failure.stepId);
  const listed = steps.rows.map((step) => ({
    ...step,
    startedAtMs: step.startedAtMs ?? step.atMs,
    failures: failures.get(step.stepId) ?? [],
  }));
  // A step that has only failed so far may not be planned: its row comes with its result.
  const known = new Set(["", ...listed.map((step) => step.stepId)]);
  for (const [stepId, failed] of failures) {
    if (known.has(stepId)) continue;
    const atMs = failed[0]?.atMs ?? 0;
    const unplanned = { stepId, op: "StepError", name: stepId.slice(0, 8), memo: null, input: null };
    listed.push({ ...unplanned, runId: id, seq: 0, startedAtMs: atMs, atMs, failures: failed });
  }
  const bodies = events.rows.map(({ body }) => body);
  const event = bodies.length > 1 ? `[${bodies.join(",")}]` : (bodies[0] ?? null);
  return { run, event, steps: listed, failures: failures.get("") ?? [] };
}
