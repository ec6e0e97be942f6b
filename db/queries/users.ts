/** Users: as the one role that sees them all (`inAccess`), and as a workspace sees its members (`inWorkspace`). */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { MemberRole } from "#db/schema/memberships.ts";
import { iso } from "./instants.ts";

export interface UserRow {
  id: string;
  email: string;
  name: string;
  passwordHash: string;
  totpSecret: string | null;
  totpConfirmed: boolean;
}

const columns = sql`id, email, name, password_hash AS "passwordHash", totp_secret AS "totpSecret",
  totp_confirmed_at IS NOT NULL AS "totpConfirmed"`;

/** @param email in lower case */
export async function findUserByEmail(tx: Tx, email: string): Promise<UserRow | null> {
  const { rows } = await tx.execute<UserRow & Record<string, unknown>>(
    sql`SELECT ${columns} FROM users WHERE email = ${email}`,
  );
  return rows[0] ?? null;
}

/** @param lock nobody else changes the row until the transaction ends */
export async function findUser(tx: Tx, id: string, { lock = false } = {}): Promise<UserRow | null> {
  const { rows } = await tx.execute<UserRow & Record<string, unknown>>(
    sql`SELECT ${columns} FROM users WHERE id = ${id} ${lock ? sql`FOR UPDATE` : sql``}`,
  );
  return rows[0] ?? null;
}

/** Null: somebody has that e-mail address. */
export async function insertUser(
  tx: Tx,
  user: Pick<UserRow, "email" | "name" | "passwordHash">,
): Promise<string | null> {
  const { rows } = await tx.execute<{ id: string }>(sql`
    INSERT INTO users (email, name, password_hash) VALUES (${user.email}, ${user.name}, ${user.passwordHash})
    ON CONFLICT (email) DO NOTHING RETURNING id`);
  return rows[0]?.id ?? null;
}

export async function setPassword(tx: Tx, userId: string, passwordHash: string): Promise<void> {
  await tx.execute(sql`UPDATE users SET password_hash = ${passwordHash} WHERE id = ${userId}`);
}

export async function markSignedIn(tx: Tx, userId: string, now: Date): Promise<void> {
  await tx.execute(sql`UPDATE users SET last_sign_in_at = ${now} WHERE id = ${userId}`);
}

/** A secret that waits for its first code. False: one is in use. */
export async function setTotpSecret(tx: Tx, userId: string, sealed: string): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    UPDATE users SET totp_secret = ${sealed}, totp_last_step = NULL
    WHERE id = ${userId} AND totp_confirmed_at IS NULL`);
  return rowCount === 1;
}

/** From now on sign-in asks for a code. False: it did already. */
export async function confirmTotp(
  tx: Tx,
  userId: string,
  recoveryCodes: readonly string[],
  now: Date,
): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    UPDATE users SET totp_confirmed_at = ${now}, recovery_codes = ${sql.param([...recoveryCodes])}::text[]
    WHERE id = ${userId} AND totp_confirmed_at IS NULL`);
  return rowCount === 1;
}

export async function removeTotp(tx: Tx, userId: string): Promise<void> {
  await tx.execute(sql`
    UPDATE users SET totp_secret = NULL, totp_confirmed_at = NULL, totp_last_step = NULL, recovery_codes = '{}'
    WHERE id = ${userId}`);
}

/** Takes the code of a time step. False: that one or a later one was taken before. */
export async function takeTotpStep(tx: Tx, userId: string, step: number): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    UPDATE users SET totp_last_step = ${step}
    WHERE id = ${userId} AND (totp_last_step IS NULL OR totp_last_step < ${step})`);
  return rowCount === 1;
}

/** Takes a recovery code. False: it is none, or was taken before. */
export async function takeRecoveryCode(tx: Tx, userId: string, sha256: string): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    UPDATE users SET recovery_codes = array_remove(recovery_codes, ${sha256})
    WHERE id = ${userId} AND ${sha256} = ANY(recovery_codes)`);
  return rowCount === 1;
}

export interface Member {
  id: string;
  email: string;
  name: string;
  role: MemberRole;
  /** ISO 8601. */
  joinedAt: string;
  lastSignInAt: string | null;
  hasTotp: boolean;
}

/** Members of this workspace, by id, after `afterId`. */
export async function listMembers(
  tx: Tx,
  { afterId, limit }: { afterId: string | null; limit: number },
): Promise<Member[]> {
  const { rows } = await tx.execute<Member & Record<string, unknown>>(sql`
    SELECT u.id, u.email, u.name, m.role, m.created_at AS "joinedAt", u.last_sign_in_at AS "lastSignInAt",
           u.totp_confirmed_at IS NOT NULL AS "hasTotp"
    FROM memberships m JOIN users u ON u.id = m.user_id
    WHERE ${afterId}::uuid IS NULL OR u.id > ${afterId}::uuid
    ORDER BY u.id LIMIT ${limit}`);
  return rows.map((row) => ({
    ...row,
    joinedAt: iso(row.joinedAt),
    lastSignInAt: row.lastSignInAt && iso(row.lastSignInAt),
  }));
}
