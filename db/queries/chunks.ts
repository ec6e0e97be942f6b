import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import { matchingProspects, type ProspectFilter } from "./prospects.ts";

/** Prospects in a chunk at most: ANAF's own limit for one request. */
export const CHUNK_SIZE = 100;

/**
 * Cuts the prospects that a job is about into chunks (those of an import in the file's order), ready for its first
 * fields; sets the job to enriching, or to done when there is nothing to enrich. Prospects that had failed get another
 * chance. Does nothing when it was done before.
 * @returns how many chunks the job has; null: it was done before
 */
export async function planChunks(
  tx: Tx,
  job: { workspaceId: string; jobId: string },
  selection: ProspectFilter,
  firstFields: readonly string[],
): Promise<number | null> {
  const { rowCount } = await tx.execute(sql`
    UPDATE jobs SET status = 'enriching', started_at = coalesce(started_at, now())
    WHERE id = ${job.jobId} AND status IN ('queued', 'importing')`);
  if (rowCount === 0) return null;
  const order = selection.importId ? sql`line_number` : sql`id`;
  await tx.execute(sql`
    WITH chosen AS MATERIALIZED (
      SELECT id, row_number() OVER (ORDER BY ${order}) AS place FROM prospects
      WHERE ${matchingProspects(selection) ?? sql`true`}),
    revived AS (
      UPDATE prospects p SET status = 'imported', failure_code = NULL
      FROM chosen WHERE p.id = chosen.id AND p.status = 'failed')
    INSERT INTO chunks (workspace_id, job_id, seq, prospect_ids)
    SELECT ${job.workspaceId}::uuid, ${job.jobId}::uuid, ((place - 1) / ${CHUNK_SIZE})::int, array_agg(id ORDER BY place)
    FROM chosen GROUP BY 3`);
  await tx.execute(sql`
    INSERT INTO chunk_fields (chunk_id, field, workspace_id, job_id, seq, status)
    SELECT id, field, workspace_id, job_id, seq, 'ready'
    FROM chunks CROSS JOIN unnest(${sql.param([...firstFields])}::text[]) AS field WHERE job_id = ${job.jobId}`);
  const { rows } = await tx.execute<{ chunks: number }>(sql`
    UPDATE jobs SET
      prospects_total = totals.prospects,
      chunks_total = totals.chunks,
      status = CASE WHEN totals.chunks = 0 THEN 'done' ELSE status END,
      ended_at = CASE WHEN totals.chunks = 0 THEN now() END
    FROM (SELECT count(*) AS chunks, coalesce(sum(cardinality(prospect_ids)), 0) AS prospects
          FROM chunks WHERE job_id = ${job.jobId}) AS totals
    WHERE id = ${job.jobId} RETURNING chunks_total AS chunks`);
  return rows[0]?.chunks ?? 0;
}

/** Counts anew how the chunk's prospects stand. Call it after any of them failed or was scored. */
export async function countChunkOutcomes(tx: Tx, chunkId: string): Promise<void> {
  await tx.execute(sql`
    UPDATE chunks SET (enriched, failed, gold, silver, bronze, unqualified) = (
      SELECT count(*) FILTER (WHERE status = 'enriched'), count(*) FILTER (WHERE status = 'failed'),
             count(*) FILTER (WHERE status = 'enriched' AND tier = 'gold'),
             count(*) FILTER (WHERE status = 'enriched' AND tier = 'silver'),
             count(*) FILTER (WHERE status = 'enriched' AND tier = 'bronze'),
             count(*) FILTER (WHERE status = 'enriched' AND tier = 'unqualified')
      FROM prospects WHERE id = ANY(chunks.prospect_ids))
    WHERE id = ${chunkId}`);
}

export interface EndedChunk {
  prospectIds: string[];
  /** Whether its job ended with it. */
  jobDone: boolean;
}

/** Ends a chunk that nothing is left to do on, and its job when it was the last. Null: it had ended before. */
export async function endChunk(tx: Tx, chunkId: string): Promise<EndedChunk | null> {
  const { rows } = await tx.execute<EndedChunk & Record<string, unknown>>(sql`
    WITH ended AS (
      UPDATE chunks SET status = 'done', ended_at = now() WHERE id = ${chunkId} AND status = 'open'
      RETURNING job_id, prospect_ids)
    UPDATE jobs SET
      chunks_done = chunks_done + 1,
      -- Unless it is being cancelled.
      status = CASE WHEN status = 'enriching' AND chunks_done + 1 = chunks_total THEN 'done' ELSE status END,
      ended_at = CASE WHEN status = 'enriching' AND chunks_done + 1 = chunks_total THEN now() END
    FROM ended WHERE jobs.id = ended.job_id
    RETURNING to_jsonb(ended.prospect_ids) AS "prospectIds", jobs.status = 'done' AS "jobDone"`);
  return rows[0] ?? null;
}

/** What is told of a job that has ended. */
export async function jobSummary(
  tx: Tx,
  jobId: string,
): Promise<{ kind: string; status: string; prospects: number; enriched: number; failed: number } | null> {
  const { rows } = await tx.execute<{
    kind: string;
    status: string;
    prospects: number;
    enriched: number;
    failed: number;
  }>(sql`
    SELECT kind, jobs.status, prospects_total AS prospects, coalesce(sum(c.enriched), 0)::int AS enriched,
           coalesce(sum(c.failed), 0)::int AS failed
    FROM jobs LEFT JOIN chunks c ON c.job_id = jobs.id WHERE jobs.id = ${jobId} GROUP BY jobs.id`);
  return rows[0] ?? null;
}

/** A stage has failed for good: its prospects cannot be finished. */
export async function failUnfinishedProspects(tx: Tx, chunkId: string, code: string): Promise<void> {
  await tx.execute(sql`
    UPDATE prospects SET status = 'failed', failure_code = ${code}, updated_at = now()
    FROM chunks WHERE chunks.id = ${chunkId} AND prospects.id = ANY(chunks.prospect_ids)
      AND prospects.status = 'imported'`);
}
