import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import { executePrepared } from "./prepared.ts";

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

export interface CountedField {
  id: string;
  /** Chunks that may be requested at once. */
  maxOutstanding: number;
  /** Results to add. */
  counts: FieldCounts;
}

/**
 * Adds to a job's fields, of which the job may not have heard before, and answers how many more chunks of each may be
 * requested. Locks them in the order given until the transaction ends.
 * @param ended the field of which a chunk is under way no more; null: of none
 */
export async function countJobFields(
  tx: Tx,
  { workspaceId, jobId }: { workspaceId: string; jobId: string },
  fields: readonly CountedField[],
  ended: string | null,
): Promise<{ field: string; free: number }[]> {
  const added = fields.map(({ counts, ...field }, place) => ({ ...field, ...counts, place }));
  const { rows } = await executePrepared<{ field: string; free: number }>(
    tx,
    sql`
    INSERT INTO job_fields AS mine (job_id, workspace_id, field, max_outstanding,
                                    found, not_found, in_review, failed, skipped, ineligible, cost_micros)
    SELECT ${jobId}::uuid, ${workspaceId}::uuid, id, "maxOutstanding",
           found, "notFound", "inReview", failed, skipped, ineligible, "costMicros"
    FROM jsonb_to_recordset(${JSON.stringify(added)}::jsonb) AS added (
      id text, "maxOutstanding" int, found bigint, "notFound" bigint, "inReview" bigint, failed bigint,
      skipped bigint, ineligible bigint, "costMicros" bigint, place int)
    ORDER BY place
    ON CONFLICT (job_id, field) DO UPDATE SET
      outstanding = mine.outstanding - (mine.field = coalesce(${ended}::text, ''))::int,
      found = mine.found + excluded.found,
      not_found = mine.not_found + excluded.not_found,
      in_review = mine.in_review + excluded.in_review,
      failed = mine.failed + excluded.failed,
      skipped = mine.skipped + excluded.skipped,
      ineligible = mine.ineligible + excluded.ineligible,
      cost_micros = mine.cost_micros + excluded.cost_micros
    RETURNING field, max_outstanding - outstanding AS free`,
  );
  return rows;
}
