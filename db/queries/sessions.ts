/** Sessions and their refresh tokens; all as the access role (`inAccess`). */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { MemberRole } from "#db/schema/memberships.ts";
import type { SessionEnd } from "#db/schema/sessions.ts";

/** Starts a session with its first refresh token. Returns its id. */
export async function insertSession(
  tx: Tx,
  session: { userId: string; workspaceId: string; tokenSha256: string; expiresAt: Date },
): Promise<string> {
  const { rows } = await tx.execute<{ id: string }>(sql`
    WITH session AS (
      INSERT INTO sessions (user_id, workspace_id, expires_at)
      VALUES (${session.userId}, ${session.workspaceId}, ${session.expiresAt}) RETURNING id, expires_at)
    INSERT INTO refresh_tokens (token_sha256, session_id, expires_at)
    SELECT ${session.tokenSha256}, id, expires_at FROM session RETURNING session_id AS id`);
  return (rows[0] as { id: string }).id;
}

/** What is long over, and nobody looks at again. */
export async function deleteOldSessions(tx: Tx, userId: string, before: Date): Promise<void> {
  await tx.execute(sql`DELETE FROM sessions WHERE user_id = ${userId} AND expires_at < ${before}`);
}

export interface PresentedToken {
  sessionId: string;
  userId: string;
  workspaceId: string;
  sessionEnded: boolean;
  expiresAt: Date;
  usedAt: Date | null;
}

/** A refresh token that somebody presents, with its session locked: one at a time. Null: we never gave it out. */
export async function lockRefreshToken(tx: Tx, tokenSha256: string): Promise<PresentedToken | null> {
  // First the lock, then the look: the row as it is once the one before has committed.
  const locked = await tx.execute(sql`
    SELECT 1 FROM sessions WHERE id = (SELECT session_id FROM refresh_tokens WHERE token_sha256 = ${tokenSha256})
    FOR UPDATE`);
  if (locked.rowCount === 0) return null;
  const { rows } = await tx.execute<PresentedToken & Record<string, unknown>>(sql`
    SELECT s.id AS "sessionId", s.user_id AS "userId", s.workspace_id AS "workspaceId",
           s.ended_at IS NOT NULL AS "sessionEnded", t.expires_at AS "expiresAt", t.used_at AS "usedAt"
    FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id WHERE t.token_sha256 = ${tokenSha256}`);
  const [row] = rows;
  if (!row) return null;
  return { ...row, expiresAt: new Date(row.expiresAt), usedAt: row.usedAt && new Date(row.usedAt) };
}

/** Marks a refresh token as used, and puts its successor in its place. */
export async function replaceRefreshToken(
  tx: Tx,
  next: { sessionId: string; usedSha256: string; tokenSha256: string; expiresAt: Date; now: Date },
): Promise<void> {
  await tx.execute(sql`
    WITH used AS (UPDATE refresh_tokens SET used_at = ${next.now} WHERE token_sha256 = ${next.usedSha256}),
      session AS (UPDATE sessions SET expires_at = ${next.expiresAt} WHERE id = ${next.sessionId})
    INSERT INTO refresh_tokens (token_sha256, session_id, expires_at)
    VALUES (${next.tokenSha256}, ${next.sessionId}, ${next.expiresAt})`);
}

export async function isRefreshToken(tx: Tx, tokenSha256: string): Promise<boolean> {
  const { rowCount } = await tx.execute(
    sql`SELECT 1 FROM refresh_tokens WHERE token_sha256 = ${tokenSha256}`,
  );
  return rowCount === 1;
}

export async function setSessionWorkspace(tx: Tx, sessionId: string, workspaceId: string): Promise<void> {
  await tx.execute(sql`UPDATE sessions SET workspace_id = ${workspaceId} WHERE id = ${sessionId}`);
}

export async function endSession(tx: Tx, sessionId: string, because: SessionEnd, now: Date): Promise<void> {
  await tx.execute(sql`
    UPDATE sessions SET ended_at = ${now}, ended_because = ${because} WHERE id = ${sessionId} AND ended_at IS NULL`);
}

/** All of a user's but one. Returns how many that were. */
export async function endSessionsOf(
  tx: Tx,
  userId: string,
  { except = null, because, now }: { except?: string | null; because: SessionEnd; now: Date },
): Promise<number> {
  const { rowCount } = await tx.execute(sql`
    UPDATE sessions SET ended_at = ${now}, ended_because = ${because}
    WHERE user_id = ${userId} AND ended_at IS NULL AND id IS DISTINCT FROM ${except}::uuid`);
  return rowCount ?? 0;
}

/** The role that a session's user has in a workspace now. Null: the session has ended, or the user is no member. */
export async function roleInSession(
  tx: Tx,
  session: { id: string; userId: string; workspaceId: string },
  now: Date,
): Promise<MemberRole | null> {
  const { rows } = await tx.execute<{ role: MemberRole }>(sql`
    SELECT m.role FROM sessions s JOIN memberships m ON m.user_id = s.user_id
    WHERE s.id = ${session.id} AND s.user_id = ${session.userId} AND s.ended_at IS NULL AND s.expires_at > ${now}
      AND m.workspace_id = ${session.workspaceId}`);
  return rows[0]?.role ?? null;
}
