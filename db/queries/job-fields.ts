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

/**
 * Adds to a job's field (results, and chunks under way), of which the job may not have heard before, and answers how many
 * more chunks may be requested. Locks the row: callers that touch several fields do so in the order of their names.
 * @param field `maxOutstanding`: chunks that may be requested at once
 */
export async function updateJobField(
  tx: Tx,
  { workspaceId, jobId }: { workspaceId: string; jobId: string },
  field: { id: string; maxOutstanding: number },
  { outstanding, counts = noCounts }: { outstanding: number; counts?: FieldCounts | undefined },
): Promise<{ free: number }> {
  const { found, notFound, inReview, failed, skipped, ineligible } = counts;
  const { rows } = await tx.execute<{ free: number }>(sql`
    INSERT INTO job_fields AS mine (job_id, workspace_id, field, max_outstanding, outstanding,
                                    found, not_found, in_review, failed, skipped, ineligible)
    VALUES (${jobId}, ${workspaceId}, ${field.id}, ${field.maxOutstanding}, greatest(${outstanding}::int, 0),
            ${found}, ${notFound}, ${inReview}, ${failed}, ${skipped}, ${ineligible})
    ON CONFLICT (job_id, field) DO UPDATE SET
      outstanding = mine.outstanding + ${outstanding}::int,
      found = mine.found + excluded.found,
      not_found = mine.not_found + excluded.not_found,
      in_review = mine.in_review + excluded.in_review,
      failed = mine.failed + excluded.failed,
      skipped = mine.skipped + excluded.skipped,
      ineligible = mine.ineligible + excluded.ineligible
    RETURNING max_outstanding - outstanding AS free`);
  return { free: rows[0]?.free ?? 0 };
}
