/** The audit trail: heads of chains, entries, and their details. */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";

export interface NextInChain {
  workspaceId: string;
  seq: number;
  previousHash: string;
  /** ISO 8601; read under the lock, so that it never goes back along a chain. */
  at: string;
}

/** Locks the head of this workspace's chain until the transaction ends, and says where the next entry belongs. */
export async function takeNextInChain(tx: Tx): Promise<NextInChain> {
  const { rows } = await tx.execute<Omit<NextInChain, "at"> & { at: string }>(sql`
    INSERT INTO audit_heads AS head (workspace_id) VALUES (current_workspace())
    ON CONFLICT (workspace_id) DO UPDATE SET seq = head.seq + 1
    RETURNING workspace_id AS "workspaceId", seq, hash AS "previousHash",
              date_trunc('milliseconds', clock_timestamp()) AS at`);
  const next = rows[0] as NextInChain;
  return { ...next, at: new Date(next.at).toISOString() };
}

export interface AuditRow {
  seq: number;
  /** ISO 8601 in UTC. */
  at: string;
  actorKind: string;
  actorId: string;
  action: string;
  subjectKind: string;
  subjectId: string | null;
  legalBasis: string | null;
  correlationId: string | null;
  detailsDigest: string | null;
  previousHash: string;
  hash: string;
}

export interface AuditDetailsRow {
  nonce: string;
  ip: string | null;
  details: Readonly<Record<string, unknown>>;
}

/** Adds the entry that {@link takeNextInChain} made room for. */
export async function addToChain(tx: Tx, entry: AuditRow, details: AuditDetailsRow | null): Promise<void> {
  await tx.execute(sql`
    WITH entry AS (
      INSERT INTO audit_entries (workspace_id, seq, at, actor_kind, actor_id, action, subject_kind, subject_id,
                                 legal_basis, correlation_id, details_digest, previous_hash, hash)
      VALUES (current_workspace(), ${entry.seq}, ${entry.at}, ${entry.actorKind}, ${entry.actorId}, ${entry.action},
              ${entry.subjectKind}, ${entry.subjectId}, ${entry.legalBasis}, ${entry.correlationId},
              ${entry.detailsDigest}, ${entry.previousHash}, ${entry.hash})),
    details AS (
      INSERT INTO audit_details (workspace_id, seq, nonce, ip, details)
      SELECT current_workspace(), ${entry.seq}::bigint, d.nonce, d.ip, d.details
      FROM jsonb_to_record(${details && JSON.stringify(details)}::jsonb) AS d (nonce text, ip text, details jsonb)
      WHERE d.nonce IS NOT NULL)
    UPDATE audit_heads SET hash = ${entry.hash} WHERE workspace_id = current_workspace()`);
}
