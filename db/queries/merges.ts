/** Merges: which prospects stand for which, and how every row was before. */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { mergeRoles } from "#db/schema/merge-rows.ts";
import type { prospectStatuses } from "#db/schema/prospects.ts";

export interface LockedProspect {
  id: string;
  status: (typeof prospectStatuses)[number];
  mergedInto: string | null;
}

/** Merges and undos of a workspace take turns: each sees whole what the one before has done. Until the transaction ends. */
export async function takeMergeTurn(tx: Tx): Promise<void> {
  await tx.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended('merges:' || current_workspace(), 0))`);
}

/** Locks prospects and those merged into them, in the order of their ids, against work of jobs. */
export async function lockForMerge(tx: Tx, ids: readonly string[]): Promise<LockedProspect[]> {
  const list = sql`${sql.param([...ids])}::uuid[]`;
  const { rows } = await tx.execute<LockedProspect & Record<string, unknown>>(sql`
    SELECT id, status, merged_into AS "mergedInto" FROM prospects
    WHERE id = ANY(ARRAY(SELECT unnest(${list}) UNION SELECT id FROM prospects WHERE merged_into = ANY(${list})))
    ORDER BY id FOR UPDATE`);
  return rows;
}

export interface NewMergeRow {
  prospectId: string;
  role: (typeof mergeRoles)[number];
  scorePct: number | null;
  reasons: readonly { part: string; points: number }[] | null;
  valuesDigest: string;
}

/** Writes a merge down with its rows as they are now. Returns its id. */
export async function recordMerge(
  tx: Tx,
  merge: { workspaceId: string; keptId: string; reason: string; mergedBy: string },
  rows: readonly NewMergeRow[],
): Promise<string> {
  const inserted = await tx.execute<{ id: string }>(sql`
    INSERT INTO merges (workspace_id, kept_id, reason, merged_by)
    VALUES (${merge.workspaceId}, ${merge.keptId}, ${merge.reason}, ${merge.mergedBy}) RETURNING id`);
  const { id } = inserted.rows[0] as { id: string };
  await tx.execute(sql`
    INSERT INTO merge_rows (merge_id, prospect_id, workspace_id, role, score_pct, reasons, before, values_digest)
    SELECT ${id}::uuid, p.id, p.workspace_id, r.role, r."scorePct", r.reasons, to_jsonb(p), r."valuesDigest"
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      AS r ("prospectId" uuid, role text, "scorePct" smallint, reasons jsonb, "valuesDigest" bigint)
    JOIN prospects p ON p.id = r."prospectId"`);
  return id;
}

/** From now on `keptId` stands for these, and for whomever they stood for. */
export async function mergeInto(tx: Tx, keptId: string, ids: readonly string[]): Promise<void> {
  const list = sql`${sql.param([...ids])}::uuid[]`;
  await tx.execute(sql`
    UPDATE prospects SET merged_into = ${keptId}, updated_at = now() WHERE id = ANY(${list}) OR merged_into = ANY(${list})`);
}

export interface Merge {
  id: string;
  keptId: string;
  reason: string;
  mergedBy: string;
  /** ISO 8601. */
  createdAt: string;
  undoneAt: string | null;
  undoneBy: string | null;
  merged: {
    prospectId: string;
    cui: number;
    name: string;
    scorePct: number;
    reasons: { part: string; points: number }[];
  }[];
}

/** One page, the newest first, before `beforeId`; of one prospect, if it is named. */
export async function listMerges(
  tx: Tx,
  {
    prospectId = null,
    beforeId,
    limit,
  }: { prospectId?: string | null; beforeId: string | null; limit: number },
): Promise<Merge[]> {
  const { rows } = await tx.execute<Merge & Record<string, unknown>>(sql`
    SELECT m.id, m.kept_id AS "keptId", m.reason, m.merged_by AS "mergedBy", m.created_at AS "createdAt",
           m.undone_at AS "undoneAt", m.undone_by AS "undoneBy",
      (SELECT jsonb_agg(jsonb_build_object('prospectId', p.id, 'cui', p.cui, 'name', p.name,
                'scorePct', r.score_pct, 'reasons', r.reasons) ORDER BY p.id)
       FROM merge_rows r JOIN prospects p ON p.id = r.prospect_id
       WHERE r.merge_id = m.id AND r.role = 'merged') AS merged
    FROM merges m
    WHERE (${beforeId}::uuid IS NULL OR m.id < ${beforeId}::uuid)
      AND (${prospectId}::uuid IS NULL
           OR m.id IN (SELECT merge_id FROM merge_rows WHERE prospect_id = ${prospectId}::uuid))
    ORDER BY m.id DESC LIMIT ${limit}`);
  const iso = (instant: string) => new Date(instant).toISOString();
  return rows.map((row) => ({
    ...row,
    createdAt: iso(row.createdAt),
    undoneAt: row.undoneAt && iso(row.undoneAt),
  }));
}

/** Which prospects a merge touched; null: there is none. */
export async function mergeState(
  tx: Tx,
  id: string,
): Promise<{ undone: boolean; prospectIds: string[] } | null> {
  const { rows } = await tx.execute<{ undone: boolean; prospectIds: string[] }>(sql`
    SELECT undone_at IS NOT NULL AS undone,
           ARRAY(SELECT prospect_id FROM merge_rows WHERE merge_id = m.id ORDER BY 1) AS "prospectIds"
    FROM merges m WHERE id = ${id}`);
  return rows[0] ?? null;
}

/** The newest merge after this one that touched one of its prospects and was not undone; null: none has. */
export async function mergeBuiltOn(tx: Tx, id: string): Promise<string | null> {
  const { rows } = await tx.execute<{ id: string }>(sql`
    SELECT m.id FROM merges m
    WHERE m.id > ${id} AND m.undone_at IS NULL AND m.id IN (
      SELECT later.merge_id FROM merge_rows mine JOIN merge_rows later ON later.prospect_id = mine.prospect_id
      WHERE mine.merge_id = ${id})
    ORDER BY m.id DESC LIMIT 1`);
  return rows[0]?.id ?? null;
}

/** Sets all rows of a merge back to what they were: those columns that merging, and deriving anew, can have written. */
export async function restoreRows(tx: Tx, mergeId: string): Promise<void> {
  await tx.execute(sql`
    UPDATE prospects p SET
      merged_into = was.merged_into, golden = was.golden, golden_digest = was.golden_digest,
      match_name = was.match_name, tier = was.tier, fields_filled = was.fields_filled,
      completeness_pct = was.completeness_pct, confidence_pct = was.confidence_pct,
      freshness_pct = was.freshness_pct, score_pct = was.score_pct, score_digest = was.score_digest,
      enriched_at = was.enriched_at, updated_at = was.updated_at
    FROM merge_rows r CROSS JOIN LATERAL jsonb_populate_record(NULL::prospects, r.before) was
    WHERE r.merge_id = ${mergeId} AND p.id = r.prospect_id`);
}

/** Of the rows that stand for themselves: a digest of their values at the time of the merge. */
export async function digestsAtMerge(tx: Tx, mergeId: string): Promise<Map<string, string>> {
  const { rows } = await tx.execute<{ id: string; digest: string }>(sql`
    SELECT prospect_id AS id, values_digest::text AS digest FROM merge_rows WHERE merge_id = ${mergeId} AND role <> 'moved'`);
  return new Map(rows.map(({ id, digest }) => [id, digest]));
}

export async function markUndone(tx: Tx, id: string, undoneBy: string): Promise<void> {
  await tx.execute(sql`UPDATE merges SET undone_at = now(), undone_by = ${undoneBy} WHERE id = ${id}`);
}
