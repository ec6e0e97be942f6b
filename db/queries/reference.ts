/** Public registers that come as files: loaded set by set, looked up by tax id or by the block of a name. */
import { type SQL, sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";

export interface ReferenceSet {
  id: string;
  dataset: string;
  part: string;
  fileName: string;
  status: "loading" | "active";
  rows: number;
  stored: number;
  rejectedBy: Record<string, number>;
  activatedAt: string | null;
}

export interface NewReferenceRow {
  lineNumber: number;
  cui: number | null;
  name: string | null;
  blockKey: string | null;
  county: string | null;
  locality: string | null;
  body: Record<string, unknown>;
}

/** Makes an empty set; nobody sees its rows before {@link activateSet}. */
export async function createSet(
  tx: Tx,
  set: { workspaceId: string; dataset: string; part: string; fileName: string },
): Promise<string> {
  const { rows } = await tx.execute<{ id: string }>(sql`
    INSERT INTO reference_sets (workspace_id, dataset, part, file_name)
    VALUES (${set.workspaceId}, ${set.dataset}, ${set.part}, ${set.fileName}) RETURNING id`);
  return (rows[0] as { id: string }).id;
}

export async function insertReferenceRows(
  tx: Tx,
  set: { id: string; workspaceId: string; dataset: string },
  rows: readonly NewReferenceRow[],
): Promise<void> {
  await tx.execute(sql`
    INSERT INTO reference_rows (set_id, workspace_id, dataset, line_number, cui, name, block_key, county, locality, body)
    SELECT ${set.id}::uuid, ${set.workspaceId}::uuid, ${set.dataset}, "lineNumber", cui, name, "blockKey", county,
           locality, body
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS r ("lineNumber" bigint, cui bigint, name text,
      "blockKey" text, county text, locality text, body jsonb)`);
}

/** From now on this set is what is looked things up in; the former one of its part is removed. */
export async function activateSet(
  tx: Tx,
  set: { id: string; rows: number; stored: number; rejectedBy: Record<string, number>; sha256: string },
): Promise<void> {
  await tx.execute(sql`
    DELETE FROM reference_sets old USING reference_sets new
    WHERE new.id = ${set.id} AND old.id <> new.id AND old.workspace_id = new.workspace_id
      AND old.dataset = new.dataset AND old.part = new.part
      AND (old.status = 'active' OR old.created_at < now() - interval '1 day')`);
  await tx.execute(sql`
    UPDATE reference_sets SET status = 'active', rows = ${set.rows}, stored = ${set.stored}, sha256 = ${set.sha256},
      rejected_by = ${JSON.stringify(set.rejectedBy)}::jsonb, activated_at = now() WHERE id = ${set.id}`);
}

export async function deleteSet(tx: Tx, id: string): Promise<void> {
  await tx.execute(sql`DELETE FROM reference_sets WHERE id = ${id}`);
}

/** One page in the order of their ids. */
export async function listSets(
  tx: Tx,
  { afterId, limit }: { afterId: string | null; limit: number },
): Promise<ReferenceSet[]> {
  const { rows } = await tx.execute<ReferenceSet & Record<string, unknown>>(sql`
    SELECT id, dataset, part, file_name AS "fileName", status, rows::int, stored::int, rejected_by AS "rejectedBy",
           activated_at AS "activatedAt"
    FROM reference_sets WHERE ${afterId}::uuid IS NULL OR id > ${afterId}::uuid ORDER BY id LIMIT ${limit}`);
  return rows.map((row) => ({
    ...row,
    activatedAt: row.activatedAt && new Date(row.activatedAt).toISOString(),
  }));
}

export interface ReferenceRow {
  cui: number | null;
  name: string | null;
  county: string | null;
  locality: string | null;
  /** The year that its file is about; null where the dataset has none. */
  year: number | null;
  body: Record<string, unknown>;
  /** When its file was imported, ISO 8601. */
  importedAt: string;
}

interface Found extends Omit<ReferenceRow, "year">, Record<string, unknown> {
  part: string;
  blockKey: string | null;
}

/** Whether anything of the dataset has been imported. */
export async function hasReference(tx: Tx, dataset: string): Promise<boolean> {
  const { rows } = await tx.execute(
    sql`SELECT 1 FROM reference_sets WHERE dataset = ${dataset} AND status = 'active' LIMIT 1`,
  );
  return rows.length > 0;
}

/** Rows of these tax ids, newest year first. */
export async function referenceByCui(
  tx: Tx,
  dataset: string,
  cuis: readonly number[],
): Promise<Map<number, ReferenceRow[]>> {
  const found = await activeRows(tx, dataset, sql`r.cui = ANY(${sql.param([...cuis])}::bigint[])`);
  return grouped(found, ({ cui }) => Number(cui));
}

/** Rows whose names may be the same as these, by block, newest year first. */
export async function referenceByBlock(
  tx: Tx,
  dataset: string,
  blockKeys: readonly string[],
): Promise<Map<string, ReferenceRow[]>> {
  const found = await activeRows(tx, dataset, sql`r.block_key = ANY(${sql.param([...blockKeys])}::text[])`);
  return grouped(found, ({ blockKey }) => blockKey as string);
}

async function activeRows(tx: Tx, dataset: string, matching: SQL): Promise<Found[]> {
  const { rows } = await tx.execute<Found>(sql`
    SELECT r.cui, r.name, r.block_key AS "blockKey", r.county, r.locality, s.part, r.body,
           s.activated_at AS "importedAt"
    FROM reference_rows r JOIN reference_sets s ON s.id = r.set_id AND s.status = 'active'
    WHERE r.dataset = ${dataset} AND ${matching} ORDER BY s.part DESC, r.line_number`);
  return rows;
}

function grouped<Key>(found: Found[], keyOf: (row: Found) => Key): Map<Key, ReferenceRow[]> {
  return new Map([...Map.groupBy(found, keyOf)].map(([key, rows]) => [key, rows.map(toRow)]));
}

function toRow({ cui, name, county, locality, part, body, importedAt }: Found): ReferenceRow {
  const year = /^\d{4}/.exec(part)?.[0];
  return {
    cui: cui === null ? null : Number(cui),
    name,
    county,
    locality,
    year: year === undefined ? null : Number(year),
    body,
    importedAt: new Date(importedAt).toISOString(),
  };
}
