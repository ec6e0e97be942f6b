/**
 * Every column that holds what the vault has sealed, for the rotation of its keys. A new one is one entry here. Its table
 * has an id (uuid), and `cerniq_system` may read what is named here and update the column; see migration 0015.
 */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";

export interface SealedColumn {
  table: string;
  column: string;
  /** SQL: what it was sealed for, exactly as the code that seals says it. */
  workspaceId: string;
  field: string;
}

export const sealedColumns: readonly SealedColumn[] = [
  {
    table: "users",
    column: "totp_secret",
    workspaceId: "NULL::uuid",
    field: "'users.totp_secret:' || id",
  },
  {
    table: "provider_credentials",
    column: "sealed",
    workspaceId: "workspace_id",
    field: "'provider_credentials.sealed:' || provider",
  },
  {
    table: "idempotency_keys",
    column: "answer",
    workspaceId: "workspace_id",
    field: "'idempotency_keys.answer:' || key_sha256",
  },
  {
    table: "suppression_peppers",
    column: "sealed",
    workspaceId: "workspace_id",
    field: "'suppression_peppers.sealed'",
  },
  ...["secret_sealed", "previous_sealed"].map((column) => ({
    table: "webhook_sources",
    column,
    workspaceId: "workspace_id",
    field: "'webhook_sources.secret:' || provider",
  })),
  {
    table: "erasures",
    column: "subject_sealed",
    workspaceId: "workspace_id",
    field: "'erasures.subject:' || id",
  },
  ...["secret_sealed", "previous_sealed"].map((column) => ({
    table: "webhook_endpoints",
    column,
    workspaceId: "workspace_id",
    field: "'webhook_endpoints.secret:' || id",
  })),
];

export interface SealedValue {
  id: string;
  workspaceId: string | null;
  field: string;
  sealed: string;
}

/** How many values lie under which key (call it in `inSystem`). */
export async function countByKey(tx: Tx, { table, column }: SealedColumn): Promise<Map<string, number>> {
  const { rows } = await tx.execute<{ key: string; count: number }>(sql`
    SELECT split_part(${sql.identifier(column)}, '.', 2) AS key, count(*)::int AS count
    FROM ${sql.identifier(table)} WHERE ${sql.identifier(column)} IS NOT NULL GROUP BY 1 ORDER BY 1`);
  return new Map(rows.map(({ key, count }) => [key, count]));
}

/** The next values that lie under another key than this one, by id (call it in `inSystem`). */
export async function sealedUnderOtherKeys(
  tx: Tx,
  { table, column, workspaceId, field }: SealedColumn,
  { keyId, afterId, limit }: { keyId: string; afterId: string | null; limit: number },
): Promise<SealedValue[]> {
  const { rows } = await tx.execute<SealedValue & Record<string, unknown>>(sql`
    SELECT id, ${sql.raw(workspaceId)} AS "workspaceId", ${sql.raw(field)} AS field,
           ${sql.identifier(column)} AS sealed
    FROM ${sql.identifier(table)}
    WHERE split_part(${sql.identifier(column)}, '.', 2) <> ${keyId} AND (${afterId}::uuid IS NULL OR id > ${afterId})
    ORDER BY id LIMIT ${limit}`);
  return rows;
}

/** Puts the newly sealed value in the place of the old one, unless somebody else has changed that in the meantime. */
export async function replaceSealed(
  tx: Tx,
  { table, column }: SealedColumn,
  { id, sealed }: SealedValue,
  resealed: string,
): Promise<void> {
  await tx.execute(sql`
    UPDATE ${sql.identifier(table)} SET ${sql.identifier(column)} = ${resealed}
    WHERE id = ${id} AND ${sql.identifier(column)} = ${sealed}`);
}
