/** The audit trail: heads of chains, entries, and their details. */
import { type SQL, sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import { iso } from "./instants.ts";

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
  return { ...next, at: iso(next.at) };
}

export interface AuditRow {
  seq: number;
  /** ISO 8601 in UTC, milliseconds. */
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

export interface ChainHead {
  workspaceId: string;
  seq: number;
  hash: string;
  /** The last entry that retention has removed; 0 while there is none. */
  anchorSeq: number;
  anchorHash: string;
}

/** Where this workspace's chain stands; null: it has none yet. With `lock`, until the transaction ends. */
export async function chainHead(
  tx: Tx,
  workspaceId: string,
  { lock = false }: { lock?: boolean } = {},
): Promise<ChainHead | null> {
  const { rows } = await tx.execute<ChainHead & Record<string, unknown>>(sql`
    SELECT workspace_id AS "workspaceId", seq, hash, anchor_seq AS "anchorSeq", anchor_hash AS "anchorHash"
    FROM audit_heads WHERE workspace_id = ${workspaceId} ${lock ? sql`FOR UPDATE` : sql``}`);
  return rows[0] ?? null;
}

const columns = sql`e.seq, e.at, e.actor_kind AS "actorKind", e.actor_id AS "actorId", e.action,
  e.subject_kind AS "subjectKind", e.subject_id AS "subjectId", e.legal_basis AS "legalBasis",
  e.correlation_id AS "correlationId", e.details_digest AS "detailsDigest", e.previous_hash AS "previousHash", e.hash`;
const withDetails = sql`(SELECT jsonb_build_object('nonce', d.nonce, 'ip', d.ip, 'details', d.details)
  FROM audit_details d WHERE (d.workspace_id, d.seq) = (e.workspace_id, e.seq)) AS details`;

export type AuditEntry = AuditRow & {
  /** Null: there never were any (then there is no digest), or erasure has removed them. */
  details: AuditDetailsRow | null;
};

/** Entries of this workspace in the order of the chain. */
export async function entriesAfter(
  tx: Tx,
  { afterSeq, limit }: { afterSeq: number; limit: number },
): Promise<AuditEntry[]> {
  const { rows } = await tx.execute<AuditEntry & Record<string, unknown>>(sql`
    SELECT ${columns}, ${withDetails} FROM audit_entries e
    WHERE e.workspace_id = current_workspace() AND e.seq > ${afterSeq} ORDER BY e.seq LIMIT ${limit}`);
  return rows.map((row) => ({ ...row, at: iso(row.at) }));
}

export interface AuditFilter {
  actorId?: string | undefined;
  /** A whole action, or all of a noun: "merge." */
  action?: string | undefined;
  subjectKind?: string | undefined;
  subjectId?: string | undefined;
  from?: Date | undefined;
  to?: Date | undefined;
}

/** The newest first, before `beforeSeq`. */
export async function listAudit(
  tx: Tx,
  { filter, beforeSeq, limit }: { filter: AuditFilter; beforeSeq: number | null; limit: number },
): Promise<AuditEntry[]> {
  const { actorId, action, subjectKind, subjectId, from, to } = filter;
  const when = (condition: unknown, clause: SQL) => (condition === undefined ? sql`` : sql` AND ${clause}`);
  const { rows } = await tx.execute<AuditEntry & Record<string, unknown>>(sql`
    SELECT ${columns}, ${withDetails} FROM audit_entries e
    WHERE e.workspace_id = current_workspace()
      ${beforeSeq === null ? sql`` : sql`AND e.seq < ${beforeSeq}`}
      ${when(actorId, sql`e.actor_id = ${actorId}`)}
      ${when(action, action?.endsWith(".") ? sql`starts_with(e.action, ${action})` : sql`e.action = ${action}`)}
      ${when(subjectKind, sql`e.subject_kind = ${subjectKind}`)} ${when(subjectId, sql`e.subject_id = ${subjectId}`)}
      ${when(from, sql`e.at >= ${from?.toISOString()}`)} ${when(to, sql`e.at < ${to?.toISOString()}`)}
    ORDER BY e.seq DESC LIMIT ${limit}`);
  return rows.map((row) => ({ ...row, at: iso(row.at) }));
}

/** Entries from the oldest on up to the first that is not older than that: also should the clock have gone back once. */
const oldEntries = (workspaceId: SQL, before: Date) => sql`workspace_id = ${workspaceId}
  AND at < ${before.toISOString()} AND seq < coalesce((
    SELECT min(seq) FROM audit_entries WHERE workspace_id = ${workspaceId} AND at >= ${before.toISOString()}),
    9223372036854775807)`;

/** How many entries {@link removeOldEntries} would remove in all. */
export async function countOldEntries(tx: Tx, before: Date): Promise<number> {
  const { rows } = await tx.execute<{ count: number }>(
    sql`SELECT count(*) AS count FROM audit_entries WHERE ${oldEntries(sql`current_workspace()`, before)}`,
  );
  return rows[0]?.count ?? 0;
}

/**
 * Removes entries older than that from the oldest on, at most `limit`, and keeps the seq and hash of the last one, so
 * that the rest still verifies (call it in `inRetention`). Returns how many.
 */
export async function removeOldEntries(
  tx: Tx,
  { workspaceId, before, limit }: { workspaceId: string; before: Date; limit: number },
): Promise<number> {
  const head = await chainHead(tx, workspaceId, { lock: true });
  if (!head) return 0;
  const { rows } = await tx.execute<{ removed: number }>(sql`
    WITH old AS MATERIALIZED (
      SELECT seq, hash FROM audit_entries WHERE ${oldEntries(sql`${workspaceId}::uuid`, before)}
      ORDER BY seq LIMIT ${limit}),
    removed AS (
      DELETE FROM audit_entries e USING old WHERE e.workspace_id = ${workspaceId} AND e.seq = old.seq),
    anchored AS (
      UPDATE audit_heads SET anchor_seq = last.seq, anchor_hash = last.hash
      FROM (SELECT seq, hash FROM old ORDER BY seq DESC LIMIT 1) AS last WHERE workspace_id = ${workspaceId})
    SELECT count(*) AS removed FROM old`);
  return rows[0]?.removed ?? 0;
}
