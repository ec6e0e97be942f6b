import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { MemberRole } from "#db/schema/memberships.ts";
import { iso } from "./instants.ts";

export interface NewInvitation {
  workspaceId: string;
  /** In lower case. */
  email: string;
  role: MemberRole;
  tokenSha256: string;
  invitedBy: string;
  expiresAt: Date;
}

/** Takes the place of one that is open for the same address. Returns its id. */
export async function insertInvitation(tx: Tx, invitation: NewInvitation, now: Date): Promise<string> {
  await tx.execute(sql`
    UPDATE invitations SET revoked_at = ${now}
    WHERE email = ${invitation.email} AND accepted_at IS NULL AND revoked_at IS NULL`);
  const { rows } = await tx.execute<{ id: string }>(sql`
    INSERT INTO invitations (workspace_id, email, role, token_sha256, invited_by, expires_at)
    VALUES (${invitation.workspaceId}, ${invitation.email}, ${invitation.role}, ${invitation.tokenSha256},
            ${invitation.invitedBy}, ${invitation.expiresAt})
    RETURNING id`);
  return (rows[0] as { id: string }).id;
}

export interface InvitationView {
  id: string;
  email: string;
  role: MemberRole;
  invitedBy: string;
  /** Instants are ISO 8601. */
  createdAt: string;
  expiresAt: string;
}

/** Those of this workspace that are open, the newest first, before `beforeId`. */
export async function listInvitations(
  tx: Tx,
  { beforeId, limit }: { beforeId: string | null; limit: number },
  now: Date,
): Promise<InvitationView[]> {
  const { rows } = await tx.execute<InvitationView & Record<string, unknown>>(sql`
    SELECT id, email, role, invited_by AS "invitedBy", created_at AS "createdAt", expires_at AS "expiresAt"
    FROM invitations
    WHERE accepted_at IS NULL AND revoked_at IS NULL AND expires_at > ${now}
      AND (${beforeId}::uuid IS NULL OR id < ${beforeId}::uuid)
    ORDER BY id DESC LIMIT ${limit}`);
  return rows.map((row) => ({ ...row, createdAt: iso(row.createdAt), expiresAt: iso(row.expiresAt) }));
}

/** False: there is none that is open. */
export async function revokeInvitation(tx: Tx, id: string, now: Date): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    UPDATE invitations SET revoked_at = ${now} WHERE id = ${id} AND accepted_at IS NULL AND revoked_at IS NULL`);
  return rowCount === 1;
}

/** Takes back open ones that one user has made, except for these roles. Returns how many that were. */
export async function revokeInvitationsMadeBy(
  tx: Tx,
  userId: string,
  { keepRoles, now }: { keepRoles: readonly MemberRole[]; now: Date },
): Promise<number> {
  const { rowCount } = await tx.execute(sql`
    UPDATE invitations SET revoked_at = ${now}
    WHERE invited_by = ${userId} AND accepted_at IS NULL AND revoked_at IS NULL
      AND role <> ALL(${sql.param([...keepRoles])}::text[])`);
  return rowCount ?? 0;
}

export interface OpenInvitation {
  id: string;
  workspaceId: string;
  email: string;
  role: MemberRole;
}

/** As the access role: the open invitation with this token's digest, locked until the transaction ends. */
export async function lockOpenInvitation(
  tx: Tx,
  tokenSha256: string,
  now: Date,
): Promise<OpenInvitation | null> {
  const { rows } = await tx.execute<OpenInvitation & Record<string, unknown>>(sql`
    SELECT id, workspace_id AS "workspaceId", email, role FROM invitations
    WHERE token_sha256 = ${tokenSha256} AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > ${now}
    FOR UPDATE`);
  return rows[0] ?? null;
}

/** As the access role. */
export async function acceptInvitation(tx: Tx, id: string, now: Date): Promise<void> {
  await tx.execute(sql`UPDATE invitations SET accepted_at = ${now} WHERE id = ${id}`);
}
