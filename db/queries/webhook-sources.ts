/** How providers prove to workspaces that they are the senders of webhooks. */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import { iso } from "./instants.ts";

export interface SealedSource {
  workspaceId: string;
  secretSealed: string;
  previousSealed: string | null;
  previousUntil: string | null;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The source that an address names, by the workspace's id or slug, before anybody is known: as `cerniq_system`. What
 * looks like an id is one, so that no workspace can take another's id for its slug.
 */
export async function findSourceByAddress(
  tx: Tx,
  { provider, workspace }: { provider: string; workspace: string },
): Promise<SealedSource | null> {
  const isIt = UUID.test(workspace) ? sql`w.id = ${workspace}` : sql`w.slug = ${workspace}`;
  const { rows } = await tx.execute<SealedSource & Record<string, unknown>>(sql`
    SELECT s.workspace_id AS "workspaceId", s.secret_sealed AS "secretSealed", s.previous_sealed AS "previousSealed",
           s.previous_until AS "previousUntil"
    FROM workspaces w JOIN webhook_sources s ON s.workspace_id = w.id WHERE s.provider = ${provider} AND ${isIt}`);
  return rows[0] ?? null;
}

export interface SourceRow {
  provider: string;
  secretLast4: string;
  /** ISO 8601, as are all instants here. */
  previousUntil: string | null;
  updatedBy: string;
  updatedAt: string;
}

const read = (row: SourceRow): SourceRow => ({
  ...row,
  previousUntil: row.previousUntil && iso(row.previousUntil),
  updatedAt: iso(row.updatedAt),
});

const columns = sql`provider, secret_last4 AS "secretLast4", previous_until AS "previousUntil",
  updated_by AS "updatedBy", updated_at AS "updatedAt"`;

export async function listSources(tx: Tx, workspaceId: string): Promise<SourceRow[]> {
  const { rows } = await tx.execute<SourceRow & Record<string, unknown>>(
    sql`SELECT ${columns} FROM webhook_sources WHERE workspace_id = ${workspaceId} ORDER BY provider`,
  );
  return rows.map(read);
}

/** Sets the secret. The one before holds until `previousUntil`; null: no longer. */
export async function setSecret(
  tx: Tx,
  source: {
    workspaceId: string;
    provider: string;
    secretSealed: string;
    secretLast4: string;
    previousUntil: Date | null;
    by: string;
  },
): Promise<SourceRow> {
  const until = source.previousUntil?.toISOString() ?? null;
  const { rows } = await tx.execute<SourceRow & Record<string, unknown>>(sql`
    INSERT INTO webhook_sources AS s (workspace_id, provider, secret_sealed, secret_last4, updated_by)
    VALUES (${source.workspaceId}, ${source.provider}, ${source.secretSealed}, ${source.secretLast4}, ${source.by})
    ON CONFLICT (workspace_id, provider) DO UPDATE SET
      secret_sealed = excluded.secret_sealed, secret_last4 = excluded.secret_last4,
      previous_sealed = CASE WHEN ${until}::timestamptz IS NULL THEN NULL ELSE s.secret_sealed END,
      previous_until = ${until}::timestamptz,
      updated_by = excluded.updated_by, updated_at = now()
    RETURNING ${columns}`);
  return read(rows[0] as SourceRow);
}

/** False: there is none. */
export async function removeSource(tx: Tx, workspaceId: string, provider: string): Promise<boolean> {
  const { rowCount } = await tx.execute(
    sql`DELETE FROM webhook_sources WHERE workspace_id = ${workspaceId} AND provider = ${provider}`,
  );
  return rowCount === 1;
}
