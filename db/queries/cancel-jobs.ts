/** Ending a job before its time, in two transactions: see src/platform/operations/cancel-job.ts. */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { JobStatus } from "#db/schema/jobs.ts";

export interface Cancelling {
  status: JobStatus;
  /** Of an import that will not be loaded any more. */
  files: (string | null)[];
}

/** From now on nothing of the job is planned. Null: there is no such job. Does nothing to one that has ended. */
export async function beginCancelling(tx: Tx, jobId: string): Promise<Cancelling | null> {
  // The import first, as its own run does it.
  const { rows: imports } = await tx.execute<{ files: (string | null)[] }>(sql`
    UPDATE imports SET status = 'failed', error_message = 'Its job was cancelled.', ended_at = now(), deadline_at = NULL
    WHERE job_id = ${jobId} AND status IN ('pending', 'loading')
    RETURNING ARRAY[file_path, states_path, activities_path] AS files`);
  await tx.execute(sql`
    UPDATE jobs SET status = 'cancelling' WHERE id = ${jobId} AND status IN ('queued', 'importing', 'enriching')`);
  const { rows } = await tx.execute<{ status: JobStatus }>(sql`SELECT status FROM jobs WHERE id = ${jobId}`);
  return rows[0] ? { status: rows[0].status, files: imports.flatMap(({ files }) => files) } : null;
}

/**
 * Ends all that is left of a job that is being cancelled. What runs is fenced off: its next write finds the work ended.
 * @param fields all fields and stages, in the order in which their counts are locked
 * @returns whether this call ended it
 */
export async function endCancelled(tx: Tx, jobId: string, fields: readonly string[]): Promise<boolean> {
  // Locked in the order in which the end of work does it: chunks, counts, work, job.
  await tx.execute(
    sql`SELECT FROM chunks WHERE job_id = ${jobId} AND status = 'open' ORDER BY seq FOR UPDATE`,
  );
  await tx.execute(sql`
    SELECT FROM job_fields WHERE job_id = ${jobId}
    ORDER BY array_position(${sql.param([...fields])}::text[], field), field FOR UPDATE`);
  await tx.execute(sql`
    UPDATE chunk_fields SET status = 'cancelled', ended_at = now(), deadline_at = NULL, waits_for = NULL
    WHERE job_id = ${jobId} AND status IN ('ready', 'requested', 'running')`);
  await tx.execute(sql`UPDATE job_fields SET outstanding = 0 WHERE job_id = ${jobId} AND outstanding > 0`);
  await tx.execute(
    sql`UPDATE chunks SET status = 'cancelled', ended_at = now() WHERE job_id = ${jobId} AND status = 'open'`,
  );
  const { rowCount } = await tx.execute(
    sql`UPDATE jobs SET status = 'cancelled', ended_at = now() WHERE id = ${jobId} AND status = 'cancelling'`,
  );
  return rowCount === 1;
}

/** Jobs whose cancelling was begun and not ended, across workspaces (call it in {@link inSystem}). */
export async function cancellingJobs(tx: Tx, limit: number): Promise<{ workspaceId: string; id: string }[]> {
  const { rows } = await tx.execute<{ workspaceId: string; id: string }>(sql`
    SELECT workspace_id AS "workspaceId", id FROM jobs WHERE status = 'cancelling' ORDER BY id LIMIT ${limit}`);
  return rows;
}
