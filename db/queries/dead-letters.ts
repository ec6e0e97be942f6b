/** Prospects and fields that failed for good, until a later job has an answer. */
import { type SQL, sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";

interface ChunkField {
  workspaceId: string;
  chunkId: string;
  jobId: string;
  field: string;
}

/** Lists those of the chunk for whom the job's field has failed. */
export async function addDeadLetters(
  tx: Tx,
  { workspaceId, chunkId, jobId, field }: ChunkField,
): Promise<void> {
  await tx.execute(sql`
    INSERT INTO dead_letters AS mine
      (workspace_id, prospect_id, field, job_id, first_code, first_at, last_code, last_source, last_at)
    SELECT ${workspaceId}::uuid, v.prospect_id, v.field, v.job_id, v.error_code, v.observed_at, v.error_code, v.source,
           v.observed_at
    FROM chunks c JOIN field_values v ON v.prospect_id = ANY(c.prospect_ids)
    WHERE c.id = ${chunkId} AND v.job_id = ${jobId} AND v.field = ${field} AND v.status = 'failed'
    ON CONFLICT (prospect_id, field) DO UPDATE SET job_id = excluded.job_id, failures = mine.failures + 1,
      last_code = excluded.last_code, last_source = excluded.last_source, last_at = excluded.last_at
    WHERE mine.job_id <> excluded.job_id`);
}

/** Takes those of the chunk off the list for whom the job's field has an answer. */
export async function removeDeadLetters(tx: Tx, { chunkId, jobId, field }: ChunkField): Promise<void> {
  await tx.execute(sql`
    DELETE FROM dead_letters d USING chunks c, field_values v
    WHERE c.id = ${chunkId} AND d.prospect_id = ANY(c.prospect_ids) AND d.field = ${field}
      AND v.prospect_id = d.prospect_id AND v.job_id = ${jobId} AND v.field = d.field AND v.status <> 'failed'`);
}

export interface DeadLetterFilter {
  field?: string | undefined;
  code?: string | undefined;
  source?: string | undefined;
  jobId?: string | undefined;
}

export interface DeadLetter {
  prospectId: string;
  cui: number;
  field: string;
  jobId: string;
  failures: number;
  firstCode: string;
  firstAt: string;
  lastCode: string;
  lastSource: string | null;
  lastAt: string;
}

/** The condition that a filter stands for, on `dead_letters d`. */
const matching = ({ field, code, source, jobId }: DeadLetterFilter): SQL => sql`
  (${field ?? null}::text IS NULL OR d.field = ${field ?? null})
  AND (${code ?? null}::text IS NULL OR d.last_code = ${code ?? null})
  AND (${source ?? null}::text IS NULL OR d.last_source = ${source ?? null})
  AND (${jobId ?? null}::uuid IS NULL OR d.job_id = ${jobId ?? null}::uuid)`;

/** One page, in the order of prospect and field, after a given one. */
export async function listDeadLetters(
  tx: Tx,
  page: { filter: DeadLetterFilter; after: { prospectId: string; field: string } | null; limit: number },
): Promise<DeadLetter[]> {
  const after = page.after
    ? sql`AND (d.prospect_id, d.field) > (${page.after.prospectId}::uuid, ${page.after.field})`
    : sql``;
  const { rows } = await tx.execute<DeadLetter & Record<string, unknown>>(sql`
    SELECT d.prospect_id AS "prospectId", p.cui, d.field, d.job_id AS "jobId", d.failures,
           d.first_code AS "firstCode", d.first_at AS "firstAt", d.last_code AS "lastCode",
           d.last_source AS "lastSource", d.last_at AS "lastAt"
    FROM dead_letters d JOIN prospects p ON p.id = d.prospect_id
    WHERE ${matching(page.filter)} ${after} ORDER BY d.prospect_id, d.field LIMIT ${page.limit}`);
  const iso = (instant: string) => new Date(instant).toISOString();
  return rows.map((row) => ({ ...row, firstAt: iso(row.firstAt), lastAt: iso(row.lastAt) }));
}

/** How many there are, by field and last code. */
export async function countDeadLetters(
  tx: Tx,
  filter: DeadLetterFilter,
): Promise<{ field: string; code: string; count: number }[]> {
  const { rows } = await tx.execute<{ field: string; code: string; count: number }>(sql`
    SELECT d.field, d.last_code AS code, count(*)::int AS count FROM dead_letters d
    WHERE ${matching(filter)} GROUP BY 1, 2 ORDER BY 1, 2`);
  return rows;
}

/** Ids of the prospects of these. */
export const deadLetterProspects = (filter: DeadLetterFilter): SQL =>
  sql`SELECT d.prospect_id FROM dead_letters d WHERE ${matching(filter)}`;

/** Whom a retry of these would ask about, and which fields. */
export async function deadLetterTargets(
  tx: Tx,
  filter: DeadLetterFilter,
): Promise<{ prospects: number; fields: string[] }> {
  const { rows } = await tx.execute<{ prospects: number; fields: string[] | null }>(sql`
    SELECT count(DISTINCT d.prospect_id)::int AS prospects, array_agg(DISTINCT d.field) AS fields
    FROM dead_letters d WHERE ${matching(filter)}`);
  return { prospects: rows[0]?.prospects ?? 0, fields: rows[0]?.fields ?? [] };
}
