import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { MemberRole } from "#db/schema/memberships.ts";
import { iso } from "./instants.ts";

export interface NewApiKey {
  workspaceId: string;
  name: string;
  keySha256: string;
  last4: string;
  role: MemberRole;
  /** Null: all that its role may. */
  scopes: readonly string[] | null;
  /** Null: as everybody. */
  requestsPerMinute: number | null;
  expiresAt: Date | null;
  createdBy: string;
}

/** Returns the key's id. */
export async function insertApiKey(tx: Tx, key: NewApiKey): Promise<string> {
  const scopes = key.scopes && sql.param([...key.scopes]);
  const { rows } = await tx.execute<{ id: string }>(sql`
    INSERT INTO api_keys (workspace_id, name, key_sha256, last4, role, scopes, requests_per_minute, expires_at, created_by)
    VALUES (${key.workspaceId}, ${key.name}, ${key.keySha256}, ${key.last4}, ${key.role}, ${scopes}::text[],
            ${key.requestsPerMinute}, ${key.expiresAt}, ${key.createdBy})
    RETURNING id`);
  return (rows[0] as { id: string }).id;
}

export interface ApiKeyView {
  id: string;
  name: string;
  last4: string;
  role: MemberRole;
  scopes: string[] | null;
  requestsPerMinute: number | null;
  /** Instants are ISO 8601. */
  expiresAt: string | null;
  createdBy: string;
  createdAt: string;
  lastUsedAt: string | null;
  revokedAt: string | null;
}

/** Of this workspace, the newest first, before `beforeId`. */
export async function listApiKeys(
  tx: Tx,
  { beforeId, limit }: { beforeId: string | null; limit: number },
): Promise<ApiKeyView[]> {
  const { rows } = await tx.execute<ApiKeyView & Record<string, unknown>>(sql`
    SELECT id, name, last4, role, scopes, requests_per_minute AS "requestsPerMinute", expires_at AS "expiresAt",
           created_by AS "createdBy", created_at AS "createdAt", last_used_at AS "lastUsedAt",
           revoked_at AS "revokedAt"
    FROM api_keys WHERE ${beforeId}::uuid IS NULL OR id < ${beforeId}::uuid
    ORDER BY id DESC LIMIT ${limit}`);
  return rows.map((row) => ({
    ...row,
    expiresAt: row.expiresAt && iso(row.expiresAt),
    createdAt: iso(row.createdAt),
    lastUsedAt: row.lastUsedAt && iso(row.lastUsedAt),
    revokedAt: row.revokedAt && iso(row.revokedAt),
  }));
}

/** The role of a key that is not revoked; null: there is none. */
export async function roleOfApiKey(tx: Tx, id: string): Promise<MemberRole | null> {
  const { rows } = await tx.execute<{ role: MemberRole }>(
    sql`SELECT role FROM api_keys WHERE id = ${id} AND revoked_at IS NULL`,
  );
  return rows[0]?.role ?? null;
}

export async function revokeApiKey(tx: Tx, id: string, by: string, now: Date): Promise<void> {
  await tx.execute(sql`
    UPDATE api_keys SET revoked_at = ${now}, revoked_by = ${by} WHERE id = ${id} AND revoked_at IS NULL`);
}

/** Revokes what one user has made, except for keys of these roles. Returns how many that were. */
export async function revokeApiKeysMadeBy(
  tx: Tx,
  userId: string,
  { keepRoles, by, now }: { keepRoles: readonly MemberRole[]; by: string; now: Date },
): Promise<number> {
  const { rowCount } = await tx.execute(sql`
    UPDATE api_keys SET revoked_at = ${now}, revoked_by = ${by}
    WHERE created_by = ${userId} AND revoked_at IS NULL AND role <> ALL(${sql.param([...keepRoles])}::text[])`);
  return rowCount ?? 0;
}

export interface UsableApiKey {
  id: string;
  workspaceId: string;
  role: MemberRole;
  scopes: string[] | null;
  requestsPerMinute: number | null;
}

/** As the access role: the key with this digest, unless it is revoked or expired; notes its use, to the minute. */
export async function findApiKey(tx: Tx, keySha256: string, now: Date): Promise<UsableApiKey | null> {
  const aMinuteAgo = new Date(now.getTime() - 60_000);
  const { rows } = await tx.execute<UsableApiKey & { isNoted: boolean } & Record<string, unknown>>(sql`
    SELECT id, workspace_id AS "workspaceId", role, scopes, requests_per_minute AS "requestsPerMinute",
           coalesce(last_used_at > ${aMinuteAgo}, false) AS "isNoted"
    FROM api_keys
    WHERE key_sha256 = ${keySha256} AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ${now})`);
  const [row] = rows;
  if (!row) return null;
  const { isNoted, ...key } = row;
  if (!isNoted) {
    // Requests at the same time: the first of them notes it.
    await tx.execute(sql`
      UPDATE api_keys SET last_used_at = ${now}
      WHERE id = ${key.id} AND (last_used_at IS NULL OR last_used_at <= ${aMinuteAgo})`);
  }
  return key;
}
