/** The life of an import's run, fenced like chunk work by its attempt and run. */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import { after } from "./instants.ts";

export interface ImportKey {
  workspaceId: string;
  importId: string;
  jobId: string;
  attempt: number;
  runId: string;
}

/** Takes the import up for this run, or answers that it is another's. Safe to repeat by the same run. */
export async function beginImport(tx: Tx, key: ImportKey, deadlineMs: number): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    UPDATE imports SET
      status = CASE status WHEN 'pending' THEN 'loading' ELSE status END,
      run_id = ${key.runId}, deadline_at = ${after(deadlineMs)}
    WHERE id = ${key.importId} AND attempt = ${key.attempt} AND status <> 'failed'
      AND (run_id IS NULL OR run_id = ${key.runId})`);
  if (rowCount !== 1) return false;
  await tx.execute(sql`
    UPDATE jobs SET status = 'importing', started_at = coalesce(started_at, now())
    WHERE id = ${key.jobId} AND status = 'queued'`);
  return true;
}

/** Nobody watches over an import that a pause keeps from beginning. */
export async function letImportWait(tx: Tx, key: ImportKey): Promise<void> {
  await tx.execute(sql`
    UPDATE imports SET deadline_at = NULL
    WHERE id = ${key.importId} AND attempt = ${key.attempt} AND run_id IS NULL`);
}

/** Still this run's import? Then its deadline starts anew. */
export async function keepImport(tx: Tx, key: ImportKey, deadlineMs: number): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    UPDATE imports SET deadline_at = ${after(deadlineMs)}
    WHERE id = ${key.importId} AND attempt = ${key.attempt} AND run_id = ${key.runId} AND status <> 'failed'`);
  return rowCount === 1;
}

/** The run has ended well: its chunks are planned, and nobody watches it any more. */
export async function endImport(tx: Tx, key: ImportKey): Promise<void> {
  await tx.execute(sql`
    UPDATE imports SET deadline_at = NULL
    WHERE id = ${key.importId} AND attempt = ${key.attempt} AND run_id = ${key.runId}`);
}

/** Ends an import that cannot be finished, and its job with it. What was imported stays. */
export async function failImport(tx: Tx, key: Omit<ImportKey, "runId">, message: string): Promise<void> {
  const { rowCount } = await tx.execute(sql`
    UPDATE imports SET
      status = CASE status WHEN 'done' THEN status ELSE 'failed' END,
      error_message = ${message.slice(0, 500)}, ended_at = now(), deadline_at = NULL
    WHERE id = ${key.importId} AND attempt = ${key.attempt}`);
  if (rowCount !== 1) return;
  await tx.execute(sql`
    UPDATE jobs SET status = 'failed', error_code = 'import_failed', error_message = ${message.slice(0, 500)}, ended_at = now()
    WHERE id = ${key.jobId} AND status IN ('queued', 'importing')`);
}

/** Sets the import back to be requested with the next attempt. False: it has ended, or is another attempt's. */
export async function restartImport(
  tx: Tx,
  key: Omit<ImportKey, "runId">,
  deadlineMs: number,
): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    UPDATE imports SET attempt = attempt + 1, run_id = NULL, deadline_at = ${after(deadlineMs)}
    WHERE id = ${key.importId} AND attempt = ${key.attempt} AND status <> 'failed' AND deadline_at IS NOT NULL`);
  return rowCount === 1;
}

/** Imports past their deadline, across workspaces (call it in {@link inSystem}). */
export async function overdueImports(tx: Tx, limit: number): Promise<Omit<ImportKey, "runId">[]> {
  const { rows } = await tx.execute<Omit<ImportKey, "runId"> & Record<string, unknown>>(sql`
    SELECT workspace_id AS "workspaceId", id AS "importId", job_id AS "jobId", attempt
    FROM imports WHERE deadline_at < now() ORDER BY deadline_at LIMIT ${limit}`);
  return rows;
}
