import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";

export interface FieldCounts {
  found: number;
  notFound: number;
  /** Waiting for a person. */
  inReview: number;
  failed: number;
  /** Left alone: failed before, or fresh. */
  skipped: number;
  /** Left out by the plan's rule for the field. */
  ineligible: number;
  /** What its values have cost. */
  costMicros: number;
}

export const noCounts: Readonly<FieldCounts> = Object.freeze({
  found: 0,
  notFound: 0,
  inReview: 0,
  failed: 0,
  skipped: 0,
  ineligible: 0,
  costMicros: 0,
});

/** Makes sure that the job counts these fields. `maxOutstanding`: chunks that may be requested at once. */
export async function ensureJobFields(
  tx: Tx,
  job: { workspaceId: string; jobId: string },
  fields: readonly { id: string; maxOutstanding: number }[],
): Promise<void> {
  for (const { id, maxOutstanding } of fields) {
    await tx.execute(sql`
      INSERT INTO job_fields (job_id, workspace_id, field, max_outstanding)
      VALUES (${job.jobId}, ${job.workspaceId}, ${id}, ${maxOutstanding})
      ON CONFLICT (job_id, field) DO NOTHING`);
  }
}

/**
 * Adds to a job's field (results, and chunks under way) and answers how many more chunks may be requested. Locks
 * the row: callers that touch several fields do so in the order of their names.
 */
export async function updateJobField(
  tx: Tx,
  jobId: string,
  field: string,
  change: { outstanding: number; counts?: FieldCounts },
): Promise<{ free: number }> {
  const counts = change.counts ?? noCounts;
  const { rows } = await tx.execute<{ free: number }>(sql`
    UPDATE job_fields SET
      outstanding = outstanding + ${change.outstanding},
      found = found + ${counts.found},
      not_found = not_found + ${counts.notFound},
      in_review = in_review + ${counts.inReview},
      failed = failed + ${counts.failed},
      skipped = skipped + ${counts.skipped},
      ineligible = ineligible + ${counts.ineligible},
      cost_micros = cost_micros + ${counts.costMicros}
    WHERE job_id = ${jobId} AND field = ${field}
    RETURNING max_outstanding - outstanding AS free`);
  return { free: rows[0]?.free ?? 0 };
}
