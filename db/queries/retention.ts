/** What retention removes: which rows are due is stated once for each rule, for counting and for removing alike. */
import { type SQL, sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";

const uuids = (ids: readonly string[]) => sql`${sql.param([...ids])}::uuid[]`;
const count = async (tx: Tx, query: SQL): Promise<number> => {
  const { rows } = await tx.execute<{ count: number }>(query);
  return rows[0]?.count ?? 0;
};

/** Nobody has asked about it, and it has not answered, since then. `p` is an alias of prospects. */
const quietSince = (p: SQL, before: Date) => sql`(${p}.created_at < ${before.toISOString()}
  AND NOT EXISTS (SELECT 1 FROM field_values v WHERE v.prospect_id = ${p}.id AND v.created_at >= ${before.toISOString()})
  AND NOT EXISTS (SELECT 1 FROM inbound_events e WHERE e.workspace_id = ${p}.workspace_id
    AND e.contact IN (${p}.match_email, ${p}.match_phone) AND e.occurred_at >= ${before.toISOString()}))`;

/** Whom no job is working on; the others stay until it has ended. */
const idle = (p: SQL) => sql`NOT EXISTS (SELECT 1 FROM busy WHERE busy.id = ${p}.id)`;

/** One that was merged away is part of the one that stands for it, unless that is about to go. */
const dueProspects = (before: Date, which: SQL) => sql`
  WITH busy AS MATERIALIZED (SELECT DISTINCT unnest(prospect_ids) AS id FROM chunks WHERE status = 'open')
  SELECT p.id FROM prospects p
  WHERE p.workspace_id = current_workspace() AND ${which}
    AND (p.objected_at IS NOT NULL OR (${quietSince(sql`p`, before)} AND (p.merged_into IS NULL OR EXISTS (
      SELECT 1 FROM prospects kept WHERE kept.id = p.merged_into AND (${quietSince(sql`kept`, before)}
        OR (kept.is_natural_person AND kept.objected_at IS NOT NULL AND ${idle(sql`kept`)}))))))
    AND ${idle(sql`p`)}`;

/** Of a natural person the register's row is personal data, too: all of it goes. */
const NATURAL_PERSONS = sql`p.is_natural_person`;
/** Of a company the row stays; is there anything beside it? */
const COMPANIES = sql`NOT p.is_natural_person AND (p.golden IS NOT NULL
  OR EXISTS (SELECT 1 FROM field_values v WHERE v.prospect_id = p.id)
  OR EXISTS (SELECT 1 FROM approvals a WHERE a.prospect_id = p.id))`;

export const countDueSoleTraders = (tx: Tx, before: Date) =>
  count(tx, sql`SELECT count(*) AS count FROM (${dueProspects(before, NATURAL_PERSONS)}) due`);
export const countDueCompanies = (tx: Tx, before: Date) =>
  count(tx, sql`SELECT count(*) AS count FROM (${dueProspects(before, COMPANIES)}) due`);

export interface Batch {
  /** Ids up to this one were gone through; null: none yet. */
  afterId: string | null;
  limit: number;
}

async function lockDue(tx: Tx, before: Date, which: SQL, { afterId, limit }: Batch): Promise<string[]> {
  const after = afterId === null ? sql`` : sql`AND p.id > ${afterId}`;
  const { rows } = await tx.execute<{ id: string }>(
    sql`${dueProspects(before, which)} ${after} ORDER BY p.id LIMIT ${limit} FOR UPDATE OF p`,
  );
  return rows.map(({ id }) => id);
}

export interface RemovedProspects {
  ids: string[];
  /** Others whose golden records were derived from these, too. */
  affected: string[];
}

export async function removeSoleTraders(tx: Tx, before: Date, batch: Batch): Promise<RemovedProspects> {
  const ids = await lockDue(tx, before, NATURAL_PERSONS, batch);
  return { ids, affected: await removePersons(tx, ids) };
}

/** Removes prospects that are natural persons, with all that hangs on them. Returns who was merged with them. */
export async function removePersons(tx: Tx, ids: readonly string[]): Promise<string[]> {
  const affected = await mergedWith(tx, ids);
  await forgetMerges(tx, ids);
  // Whom they stood for stands for itself again.
  await tx.execute(sql`UPDATE prospects SET merged_into = NULL WHERE merged_into = ANY(${uuids(ids)})`);
  await tx.execute(sql`DELETE FROM prospects WHERE id = ANY(${uuids(ids)})`);
  return affected;
}

export async function removeCompanies(tx: Tx, before: Date, batch: Batch): Promise<RemovedProspects> {
  const ids = await lockDue(tx, before, COMPANIES, batch);
  const affected = await keptOf(tx, ids);
  await forgetMerges(tx, ids);
  for (const table of ["field_values", "approvals", "dead_letters", "source_asks"])
    await tx.execute(sql`DELETE FROM ${sql.identifier(table)} WHERE prospect_id = ANY(${uuids(ids)})`);
  await tx.execute(sql`
    UPDATE prospects SET
      status = 'imported', failure_code = NULL, golden = NULL, golden_digest = NULL, match_name = NULL, tier = NULL,
      fields_filled = NULL, confidence_pct = NULL, score_pct = NULL, completeness_pct = NULL, freshness_pct = NULL,
      score_digest = NULL, enriched_at = NULL, updated_at = now()
    WHERE id = ANY(${uuids(ids)})`);
  return { ids, affected };
}

/** Who stands for these and has a golden record: one that an earlier batch has emptied stays so. */
async function keptOf(tx: Tx, ids: readonly string[]): Promise<string[]> {
  const { rows } = await tx.execute<{ id: string }>(sql`
    SELECT id FROM prospects WHERE NOT id = ANY(${uuids(ids)}) AND golden IS NOT NULL
      AND id IN (SELECT merged_into FROM prospects WHERE id = ANY(${uuids(ids)}))
    ORDER BY id FOR UPDATE`);
  return rows.map(({ id }) => id);
}

/** The others of the merges that these are in. */
async function mergedWith(tx: Tx, ids: readonly string[]): Promise<string[]> {
  const { rows } = await tx.execute<{ id: string }>(sql`
    SELECT id FROM prospects WHERE NOT id = ANY(${uuids(ids)}) AND (merged_into = ANY(${uuids(ids)})
      OR id IN (SELECT merged_into FROM prospects WHERE id = ANY(${uuids(ids)})))
    ORDER BY id FOR UPDATE`);
  return rows.map(({ id }) => id);
}

/** The rows that are kept to undo a merge hold golden records: without them it stays as it is. */
export async function forgetMerges(tx: Tx, ids: readonly string[]): Promise<void> {
  await tx.execute(sql`
    DELETE FROM merges WHERE id IN (SELECT merge_id FROM merge_rows WHERE prospect_id = ANY(${uuids(ids)}))`);
}

/** Tables whose due rows go as they are. */
const dueRows = {
  rejected_rows: (before: Date) =>
    sql`import_id IN (SELECT id FROM imports WHERE ended_at < ${before.toISOString()})`,
  inbound_events: (before: Date) => sql`occurred_at < ${before.toISOString()}`,
  webhook_messages: (before: Date) => sql`created_at < ${before.toISOString()} AND NOT EXISTS (
    SELECT 1 FROM endpoint_deliveries d WHERE d.message_id = webhook_messages.id AND d.status = 'pending')`,
  idempotency_keys: (before: Date) => sql`expires_at < ${before.toISOString()}`,
};
export type RowRule = keyof typeof dueRows;

export const countDueRows = (tx: Tx, table: RowRule, before: Date) =>
  count(
    tx,
    sql`SELECT count(*) AS count FROM ${sql.identifier(table)}
        WHERE workspace_id = current_workspace() AND ${dueRows[table](before)}`,
  );

export async function removeRows(tx: Tx, table: RowRule, before: Date, limit: number): Promise<number> {
  const { rowCount } = await tx.execute(sql`
    DELETE FROM ${sql.identifier(table)} WHERE ctid = ANY(ARRAY(
      SELECT ctid FROM ${sql.identifier(table)}
      WHERE workspace_id = current_workspace() AND ${dueRows[table](before)} LIMIT ${limit} FOR UPDATE))`);
  return rowCount ?? 0;
}

const dueSnapshots = (before: Date) =>
  sql`FROM snapshots WHERE workspace_id = current_workspace() AND created_at < ${before.toISOString()}`;

export const countDueSnapshots = (tx: Tx, before: Date) =>
  count(tx, sql`SELECT count(*) AS count ${dueSnapshots(before)}`);

/** Values that were made of them stay as long as their prospects' rules say. */
export async function removeSnapshots(tx: Tx, before: Date, limit: number): Promise<number> {
  const { rowCount } = await tx.execute(sql`
    WITH old AS MATERIALIZED (SELECT id ${dueSnapshots(before)} ORDER BY id LIMIT ${limit} FOR UPDATE),
    freed AS (UPDATE field_values SET snapshot_id = NULL FROM old WHERE snapshot_id = old.id)
    DELETE FROM snapshots USING old WHERE snapshots.id = old.id`);
  return rowCount ?? 0;
}

const dueBodies = (before: Date) => sql`FROM webhook_deliveries
  WHERE workspace_id = current_workspace() AND received_at < ${before.toISOString()} AND body IS NOT NULL
    AND status <> 'received'`;

export const countDueBodies = (tx: Tx, before: Date) =>
  count(tx, sql`SELECT count(*) AS count ${dueBodies(before)}`);

/** The rows stay, so that a replay is still known. */
export async function removeBodies(tx: Tx, before: Date, limit: number): Promise<number> {
  const { rowCount } = await tx.execute(sql`
    WITH old AS MATERIALIZED (SELECT id ${dueBodies(before)} ORDER BY id LIMIT ${limit} FOR UPDATE)
    UPDATE webhook_deliveries SET body = NULL FROM old WHERE webhook_deliveries.id = old.id`);
  return rowCount ?? 0;
}

const dueFiles = (before: Date) => sql`FROM imports
  WHERE workspace_id = current_workspace() AND ended_at < ${before.toISOString()} AND files_removed_at IS NULL`;

export const countDueFiles = (tx: Tx, before: Date) =>
  count(tx, sql`SELECT count(*) AS count ${dueFiles(before)}`);

/** Imports whose files are to go, and the paths of these. */
export async function importsWithDueFiles(
  tx: Tx,
  before: Date,
  limit: number,
): Promise<{ id: string; paths: (string | null)[] }[]> {
  const { rows } = await tx.execute<{ id: string; paths: (string | null)[] }>(sql`
    SELECT id, ARRAY[file_path, states_path, activities_path] AS paths ${dueFiles(before)} ORDER BY id LIMIT ${limit}`);
  return rows;
}

export async function markFilesRemoved(tx: Tx, ids: readonly string[], at: Date): Promise<void> {
  await tx.execute(
    sql`UPDATE imports SET files_removed_at = ${at.toISOString()} WHERE id = ANY(${uuids(ids)})`,
  );
}
