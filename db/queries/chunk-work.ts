/**
 * The life of one field's (or stage's) work on a chunk: ready -> requested -> running -> done or failed.
 * Every write is fenced by the attempt and the run: a run that was taken over changes nothing.
 */
import { type SQL, sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { ChunkFieldStatus } from "#db/schema/chunk-fields.ts";
import { after } from "./instants.ts";
import { pauseOfFunction } from "./pauses.ts";
import { executePrepared } from "./prepared.ts";

/** Which work, in which attempt, by which run. */
export interface WorkKey {
  workspaceId: string;
  jobId: string;
  chunkId: string;
  field: string;
  attempt: number;
  runId: string;
  /** Of its job: seconds that it jumps ahead. */
  priority?: number | undefined;
}

/**
 * Takes the work up for this run, or says that there is none for it. Safe to repeat by the same run. `pausedBy`: the pause
 * that keeps it from beginning, if one does.
 */
export async function beginWork(
  tx: Tx,
  key: WorkKey,
  deadlineMs: number,
): Promise<{ begun: boolean; pausedBy: string | null }> {
  // In one statement: a pause that is lifted between two would be the reason of neither, and the work would be forgotten.
  const { rows } = await executePrepared<{ begun: boolean; pausedBy: string | null }>(
    tx,
    sql`
    WITH held AS MATERIALIZED (${pauseOfFunction(sql`${key.field}`)} LIMIT 1),
    begun AS (
      UPDATE chunk_fields
      SET status = 'running', run_id = ${key.runId}, started_at = coalesce(started_at, now()), deadline_at = ${after(deadlineMs)}
      WHERE chunk_id = ${key.chunkId} AND field = ${key.field} AND attempt = ${key.attempt}
        AND (status = 'running' AND run_id = ${key.runId}
          OR status = 'requested' AND NOT EXISTS (SELECT FROM held))
      RETURNING 1)
    SELECT EXISTS (SELECT FROM begun) AS begun, (SELECT id FROM held) AS "pausedBy"`,
  );
  return rows[0] ?? { begun: false, pausedBy: null };
}

/** Gives work that has not ended back, to be requested again when the pause is lifted. Does nothing when it is another run's. */
export async function giveBackWork(tx: Tx, key: WorkKey, pauseId: string): Promise<void> {
  // Whoever requests work has locked the field's count before the work.
  await tx.execute(
    sql`SELECT FROM job_fields WHERE job_id = ${key.jobId} AND field = ${key.field} FOR UPDATE`,
  );
  await tx.execute(sql`
    WITH given AS (
      UPDATE chunk_fields
      SET status = 'ready', waits_for = ${pauseId}, run_id = NULL, requested_at = NULL, started_at = NULL, deadline_at = NULL
      WHERE chunk_id = ${key.chunkId} AND field = ${key.field} AND attempt = ${key.attempt}
        AND (status = 'requested' OR (status = 'running' AND run_id = ${key.runId}))
      RETURNING job_id, field)
    UPDATE job_fields SET outstanding = outstanding - 1 FROM given
    WHERE job_fields.job_id = given.job_id AND job_fields.field = given.field`);
}

/** Still this run's work? Then its deadline starts anew, and the row is locked until the transaction ends. */
export async function keepWork(tx: Tx, key: WorkKey, deadlineMs: number): Promise<boolean> {
  const { rowCount } = await executePrepared(
    tx,
    sql`
    UPDATE chunk_fields SET deadline_at = ${after(deadlineMs)}
    WHERE chunk_id = ${key.chunkId} AND field = ${key.field} AND attempt = ${key.attempt}
      AND run_id = ${key.runId} AND status = 'running'`,
  );
  return rowCount === 1;
}

export type WorkEnd = { status: "done" } | { status: "failed"; code: string; message: string };

/**
 * Ends the work. Answers "ended" when this call did it, "already" when an earlier call of the same run had, and
 * "superseded" when the work is another attempt's.
 */
export async function endWork(
  tx: Tx,
  key: WorkKey,
  end: WorkEnd,
): Promise<"ended" | "already" | "superseded"> {
  const [code, message] = end.status === "failed" ? [end.code, end.message.slice(0, 500)] : [null, null];
  const { rowCount } = await executePrepared(
    tx,
    sql`
    UPDATE chunk_fields
    SET status = ${end.status}, ended_at = now(), deadline_at = NULL, error_code = ${code}, error_message = ${message}
    WHERE chunk_id = ${key.chunkId} AND field = ${key.field} AND attempt = ${key.attempt}
      AND run_id = ${key.runId} AND status = 'running'`,
  );
  if (rowCount === 1) return "ended";
  const { rows } = await executePrepared(
    tx,
    sql`
    SELECT 1 FROM chunk_fields
    WHERE chunk_id = ${key.chunkId} AND field = ${key.field} AND attempt = ${key.attempt}
      AND run_id = ${key.runId} AND status = ${end.status}`,
  );
  return rows.length === 1 ? "already" : "superseded";
}

/** Sets the work back to be requested with the next attempt; the former one is fenced off. False: not its work. */
export async function restartWork(tx: Tx, key: Omit<WorkKey, "runId">, deadlineMs: number): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    UPDATE chunk_fields
    SET status = 'requested', attempt = attempt + 1, run_id = NULL, requested_at = now(), deadline_at = ${after(deadlineMs)}
    WHERE chunk_id = ${key.chunkId} AND field = ${key.field} AND attempt = ${key.attempt}
      AND status IN ('requested', 'running')`);
  return rowCount === 1;
}

/** Takes the work from whatever run has it, so that the caller can end it as `runId`. False: it has ended. */
export async function seizeWork(tx: Tx, key: WorkKey): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    UPDATE chunk_fields SET status = 'running', run_id = ${key.runId}
    WHERE chunk_id = ${key.chunkId} AND field = ${key.field} AND attempt = ${key.attempt}
      AND status IN ('requested', 'running')`);
  return rowCount === 1;
}

export interface OverdueWork {
  workspaceId: string;
  jobId: string;
  chunkId: string;
  field: string;
  attempt: number;
}

/** Work past its deadline, across workspaces (call it in {@link inSystem}). */
export async function overdueWork(tx: Tx, limit: number): Promise<OverdueWork[]> {
  const { rows } = await tx.execute<OverdueWork & Record<string, unknown>>(sql`
    SELECT workspace_id AS "workspaceId", job_id AS "jobId", chunk_id AS "chunkId", field, attempt
    FROM chunk_fields WHERE status IN ('requested', 'running') AND deadline_at < now()
    ORDER BY deadline_at LIMIT ${limit}`);
  return rows;
}

export interface LockedChunk {
  valuesVersion: number;
  seq: number;
  /** The fields that its job asks for; null: all. */
  jobFields: string[] | null;
}

export interface WaitingWork {
  workspaceId: string;
  jobId: string;
  priority: number;
  fields: string[];
}

/**
 * Jobs with work that is ready, fits into its field's window and is held by no pause, the oldest first, across
 * workspaces (call it in {@link inSystem}).
 */
export async function waitingWork(tx: Tx, limit: number): Promise<WaitingWork[]> {
  const { rows } = await tx.execute<WaitingWork & Record<string, unknown>>(sql`
    SELECT j.workspace_id AS "workspaceId", j.id AS "jobId", j.priority, array_agg(f.field) AS fields
    FROM jobs j JOIN job_fields f ON f.job_id = j.id
    WHERE j.status = 'enriching' AND f.outstanding < f.max_outstanding
      AND NOT EXISTS (${pauseOfFunction(sql`f.field`)} AND p.workspace_id = j.workspace_id)
      AND NOT ${isBlocked(sql`f.job_id`, sql`f.field`)}
      AND EXISTS (SELECT FROM chunk_fields c WHERE c.job_id = f.job_id AND c.field = f.field AND c.status = 'ready'
                    AND ${isNotHeld})
    GROUP BY j.id ORDER BY j.id LIMIT ${limit}`);
  return rows;
}

/** Whether a field's work has come to a paused provider: what comes after it waits behind it, in order. */
const isBlocked = (jobId: SQL, field: SQL) => sql`EXISTS (
  SELECT FROM pauses p JOIN chunk_fields before ON before.waits_for = p.id
  WHERE p.kind = 'provider' AND p.lifted_at IS NULL AND before.job_id = ${jobId} AND before.field = ${field}
    AND before.status = 'ready')`;

/** Whether the pause that work of `chunk_fields c` waits for has been lifted. */
const isNotHeld = sql`NOT EXISTS (SELECT FROM pauses held WHERE held.id = c.waits_for AND held.lifted_at IS NULL)`;

/** Locks the chunk, so that what may start next is decided by one transaction at a time. */
export async function lockChunk(tx: Tx, chunkId: string): Promise<LockedChunk> {
  const { rows } = await executePrepared<LockedChunk & Record<string, unknown>>(
    tx,
    sql`
    SELECT c.values_version AS "valuesVersion", c.seq, j.fields AS "jobFields"
    FROM chunks c JOIN jobs j ON j.id = c.job_id WHERE c.id = ${chunkId} FOR UPDATE OF c`,
  );
  if (!rows[0]) throw new Error(`There is no chunk ${chunkId} in this workspace.`);
  return rows[0];
}

export async function countFieldResult(tx: Tx, chunkId: string): Promise<void> {
  await executePrepared(tx, sql`UPDATE chunks SET values_version = values_version + 1 WHERE id = ${chunkId}`);
}

export interface ChunkWork {
  status: ChunkFieldStatus;
  version: number;
  /** It has ended before, whatever it does now. */
  endedOnce: boolean;
}

/** What has been started on the chunk, by field. */
export async function chunkWork(tx: Tx, chunkId: string): Promise<Map<string, ChunkWork>> {
  const { rows } = await executePrepared<ChunkWork & { field: string } & Record<string, unknown>>(
    tx,
    sql`
    SELECT field, status, version, ended_at IS NOT NULL AS "endedOnce" FROM chunk_fields WHERE chunk_id = ${chunkId}`,
  );
  return new Map(rows.map(({ field, ...work }) => [field, work]));
}

/** Lets fields start on a chunk: new work, or (a stage) the next attempt of ended work. */
export async function readyWork(
  tx: Tx,
  chunk: { workspaceId: string; jobId: string; chunkId: string; seq: number },
  ready: readonly { id: string; version: number }[],
): Promise<void> {
  if (ready.length === 0) return;
  await executePrepared(
    tx,
    sql`
      INSERT INTO chunk_fields AS mine (chunk_id, field, workspace_id, job_id, seq, status, version)
      SELECT ${chunk.chunkId}::uuid, id, ${chunk.workspaceId}::uuid, ${chunk.jobId}::uuid, ${chunk.seq}::int, 'ready', version
      FROM jsonb_to_recordset(${JSON.stringify(ready)}::jsonb) AS next (id text, version int)
      ON CONFLICT (chunk_id, field) DO UPDATE
      SET status = 'ready', version = excluded.version, attempt = mine.attempt + 1, run_id = NULL, started_at = NULL`,
  );
}

/**
 * Marks as many ready chunks of a job's fields as requested as are free and not paused, in the chunks' order, counts and
 * returns them.
 * The caller has locked the fields' counts, in a statement before: what others have made ready since is seen only then.
 */
export async function requestReadyWork(
  tx: Tx,
  jobId: string,
  fields: readonly { field: string; free: number }[],
  deadlineMs: number,
): Promise<{ chunkId: string; field: string; attempt: number }[]> {
  const open = fields.filter(({ free }) => free > 0);
  if (open.length === 0) return [];
  const { rows } = await executePrepared<{ chunkId: string; field: string; attempt: number }>(
    tx,
    sql`
    -- Materialized: a sub-select with LIMIT may be run once per row, and then takes more than its limit.
    WITH picked AS MATERIALIZED (
      SELECT ready.chunk_id, ready.field
      FROM jsonb_to_recordset(${JSON.stringify(open)}::jsonb) AS wanted (field text, free int)
      CROSS JOIN LATERAL (
        SELECT chunk_id, field FROM chunk_fields c
        WHERE job_id = ${jobId} AND field = wanted.field AND status = 'ready' AND ${isNotHeld}
        ORDER BY seq LIMIT wanted.free FOR UPDATE OF c) ready
      WHERE NOT EXISTS (${pauseOfFunction(sql`wanted.field`)}) AND NOT ${isBlocked(sql`${jobId}`, sql`wanted.field`)}
    ), requested AS (
      UPDATE chunk_fields mine SET status = 'requested', waits_for = NULL, requested_at = now(), deadline_at = ${after(deadlineMs)}
      FROM picked WHERE mine.chunk_id = picked.chunk_id AND mine.field = picked.field
      RETURNING mine.chunk_id, mine.field, mine.attempt, mine.seq
    ), counted AS (
      UPDATE job_fields SET outstanding = outstanding + more.chunks
      FROM (SELECT field, count(*)::int AS chunks FROM requested GROUP BY field) more
      WHERE job_fields.job_id = ${jobId} AND job_fields.field = more.field
    )
    SELECT chunk_id AS "chunkId", field, attempt FROM requested ORDER BY seq`,
  );
  return rows;
}
