/** Verbs on idempotency keys: claimed before a request is carried out, marked with its effect, answered after it. */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";

export interface IdempotencyKey {
  workspaceId: string;
  keySha256: string;
}

export interface KeyClaim extends IdempotencyKey {
  requestSha256: string;
  /** Of this attempt. */
  claimId: string;
}

/** How a key stands that somebody else has. */
export interface KeyState {
  requestSha256: string;
  /** Whether what the request does is done; and if so, only just: then its answer is on its way. */
  done: boolean;
  justDone: boolean;
  answer: string | null;
}

/**
 * Claims a key: one that nobody has, that has expired, or whose attempt was left without effect for `leaseMs`.
 * @returns null when it is claimed, else how it stands
 */
export async function claimKey(
  tx: Tx,
  { workspaceId, keySha256, requestSha256, claimId }: KeyClaim,
  { leaseMs, keepMs }: { leaseMs: number; keepMs: number },
): Promise<KeyState | null> {
  const { rowCount } = await tx.execute(sql`
    INSERT INTO idempotency_keys AS mine (workspace_id, key_sha256, request_sha256, claim_id, expires_at)
    VALUES (${workspaceId}, ${keySha256}, ${requestSha256}, ${claimId}, now() + ${keepMs} * interval '1 millisecond')
    ON CONFLICT (workspace_id, key_sha256) DO UPDATE SET
      request_sha256 = excluded.request_sha256, claim_id = excluded.claim_id, claimed_at = now(), done_at = NULL,
      answer = NULL, expires_at = excluded.expires_at
    WHERE mine.expires_at <= now()
      OR mine.done_at IS NULL AND mine.request_sha256 = excluded.request_sha256
        AND mine.claimed_at <= now() - ${leaseMs} * interval '1 millisecond'`);
  if (rowCount === 1) return null;
  const { rows } = await tx.execute<KeyState & Record<string, unknown>>(sql`
    SELECT request_sha256 AS "requestSha256", done_at IS NOT NULL AS done, answer,
           coalesce(done_at > now() - ${leaseMs} * interval '1 millisecond', false) AS "justDone"
    FROM idempotency_keys WHERE workspace_id = ${workspaceId} AND key_sha256 = ${keySha256}`);
  // Given up in this very moment: to be tried again, like one that is being worked on.
  return rows[0] ?? { requestSha256, done: false, justDone: false, answer: null };
}

/** In the transaction of the effect. False: another attempt has taken the key over, and this one must not have effect. */
export async function markKeyDone(
  tx: Tx,
  { workspaceId, keySha256, claimId }: Omit<KeyClaim, "requestSha256">,
): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    UPDATE idempotency_keys SET done_at = now()
    WHERE workspace_id = ${workspaceId} AND key_sha256 = ${keySha256} AND claim_id = ${claimId}`);
  return rowCount === 1;
}

export async function storeAnswer(
  tx: Tx,
  { workspaceId, keySha256, claimId }: Omit<KeyClaim, "requestSha256">,
  answer: string,
): Promise<void> {
  await tx.execute(sql`
    UPDATE idempotency_keys SET answer = ${answer}, done_at = coalesce(done_at, now())
    WHERE workspace_id = ${workspaceId} AND key_sha256 = ${keySha256} AND claim_id = ${claimId}`);
}

/** Gives a key back whose request has had no effect. */
export async function releaseKey(
  tx: Tx,
  { workspaceId, keySha256, claimId }: Omit<KeyClaim, "requestSha256">,
): Promise<void> {
  await tx.execute(sql`
    DELETE FROM idempotency_keys
    WHERE workspace_id = ${workspaceId} AND key_sha256 = ${keySha256} AND claim_id = ${claimId} AND done_at IS NULL`);
}

/** Removes some of the workspace's keys that have expired. */
export async function removeExpiredKeys(tx: Tx, workspaceId: string): Promise<void> {
  await tx.execute(sql`
    DELETE FROM idempotency_keys WHERE id IN (
      SELECT id FROM idempotency_keys WHERE workspace_id = ${workspaceId} AND expires_at <= now()
      ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED)`);
}
