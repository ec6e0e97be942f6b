/** Whom nobody contacts any more, by hash. */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { SuppressionKind, SuppressionReason } from "#db/schema/suppressions.ts";
import { iso } from "./instants.ts";

/** The sealed key of this workspace's hashes; null: it has none yet, and so nothing suppressed. */
export async function readPepper(tx: Tx): Promise<string | null> {
  const { rows } = await tx.execute<{ sealed: string }>(
    sql`SELECT sealed FROM suppression_peppers WHERE workspace_id = current_workspace()`,
  );
  return rows[0]?.sealed ?? null;
}

/** Keeps the first that comes, whoever else makes one at the same time. */
export async function insertPepper(tx: Tx, sealed: string): Promise<void> {
  await tx.execute(sql`
    INSERT INTO suppression_peppers (workspace_id, sealed) VALUES (current_workspace(), ${sealed})
    ON CONFLICT (workspace_id) DO NOTHING`);
}

export interface HashedContact {
  kind: SuppressionKind;
  hash: string;
}

/** Adds those that are not listed yet. Returns how many. */
export async function insertSuppressions(
  tx: Tx,
  contacts: readonly HashedContact[],
  { reason, source, by }: { reason: SuppressionReason; source: string; by: string },
): Promise<number> {
  const { rowCount } = await tx.execute(sql`
    INSERT INTO suppressions (workspace_id, kind, hash, reason, source, created_by)
    SELECT DISTINCT current_workspace(), kind, hash, ${reason}, ${source}, ${by}
    FROM jsonb_to_recordset(${JSON.stringify(contacts)}::jsonb) AS c (kind text, hash text)
    ON CONFLICT (workspace_id, kind, hash) WHERE lifted_at IS NULL DO NOTHING`);
  return rowCount ?? 0;
}

export interface Suppression extends HashedContact {
  id: string;
  reason: SuppressionReason;
  source: string;
  createdBy: string;
  /** ISO 8601. */
  createdAt: string;
  liftedAt: string | null;
  liftedBy: string | null;
  liftReason: string | null;
}

const columns = sql`id, kind, hash, reason, source, created_by AS "createdBy", created_at AS "createdAt",
  lifted_at AS "liftedAt", lifted_by AS "liftedBy", lift_reason AS "liftReason"`;
const toSuppression = (row: Suppression): Suppression => ({
  ...row,
  createdAt: iso(row.createdAt),
  liftedAt: row.liftedAt && iso(row.liftedAt),
});

/** Those of these contacts that are suppressed. */
export async function findSuppressions(tx: Tx, contacts: readonly HashedContact[]): Promise<Suppression[]> {
  const { rows } = await tx.execute<Suppression & Record<string, unknown>>(sql`
    SELECT ${columns} FROM suppressions
    WHERE workspace_id = current_workspace() AND lifted_at IS NULL AND (kind, hash) IN (
      SELECT kind, hash FROM jsonb_to_recordset(${JSON.stringify(contacts)}::jsonb) AS c (kind text, hash text))`);
  return rows.map(toSuppression);
}

/** Hashes of whoever was erased. */
export async function erasedHashes(tx: Tx): Promise<Set<string>> {
  const { rows } = await tx.execute<{ hash: string }>(sql`
    SELECT hash FROM suppressions
    WHERE workspace_id = current_workspace() AND lifted_at IS NULL AND reason = 'erasure'`);
  return new Set(rows.map(({ hash }) => hash));
}

export interface SuppressionFilter {
  kind?: SuppressionKind | undefined;
  reason?: SuppressionReason | undefined;
}

/** One page, the newest first, before `beforeId`; lifted ones, too. */
export async function listSuppressions(
  tx: Tx,
  { filter, beforeId, limit }: { filter: SuppressionFilter; beforeId: string | null; limit: number },
): Promise<Suppression[]> {
  const { kind = null, reason = null } = filter;
  const { rows } = await tx.execute<Suppression & Record<string, unknown>>(sql`
    SELECT ${columns} FROM suppressions
    WHERE workspace_id = current_workspace() AND (${beforeId}::uuid IS NULL OR id < ${beforeId}::uuid)
      AND (${kind}::text IS NULL OR kind = ${kind}) AND (${reason}::text IS NULL OR reason = ${reason})
    ORDER BY id DESC LIMIT ${limit}`);
  return rows.map(toSuppression);
}

/** Returns whether there was one to lift. */
export async function liftSuppression(
  tx: Tx,
  { id, by, reason }: { id: string; by: string; reason: string },
): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    UPDATE suppressions SET lifted_at = now(), lifted_by = ${by}, lift_reason = ${reason}
    WHERE id = ${id} AND lifted_at IS NULL`);
  return rowCount === 1;
}
