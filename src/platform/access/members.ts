import { inWorkspace, type Tx } from "#db/client.ts";
import { revokeApiKeysMadeBy } from "#db/queries/api-keys.ts";
import { revokeInvitationsMadeBy } from "#db/queries/invitations.ts";
import { deleteMembership, lockMember, setRole } from "#db/queries/memberships.ts";
import { decideMemberChange } from "#src/domain/access/members.ts";
import { isAtLeast, type Principal, type Role, roles } from "#src/domain/access/principal.ts";
import { ConflictError, ForbiddenError, NotFoundError } from "#src/domain/errors.ts";
import type { AccessNeeds, WriteAudit } from "./needs.ts";

/** What a member had given out that is of no use any more. */
export interface Revoked {
  revokedApiKeys: number;
  revokedInvitations: number;
}

/**
 * Gives a member another role. It holds from their next request on, and for what they have given out: API keys and open
 * invitations of a higher role are revoked.
 * @throws NotFoundError, ForbiddenError, ConflictError for the last owner
 */
export const changeRole = (
  { db, now }: AccessNeeds,
  by: Principal,
  { userId, role }: { userId: string; role: Role },
  audit: WriteAudit,
): Promise<Revoked> =>
  inWorkspace(db, by.workspaceId, async (tx) => {
    const former = await lockForChange(tx, by, userId, role);
    await setRole(tx, userId, role);
    const keepRoles = roles.filter((each) => isAtLeast(role, each));
    const revoked = await revokeGivenOut(tx, userId, { keepRoles, by: by.id, now: now() });
    await audit(tx, {
      action: "user.role_changed",
      subject: { kind: "user", id: userId },
      details: { former, role, ...revoked },
    });
    return revoked;
  });

/**
 * Removes a member from this workspace, at once, with the API keys and open invitations that they have made. Their
 * account stays: it may be a member elsewhere.
 * @throws NotFoundError, ForbiddenError, ConflictError for the last owner
 */
export const removeMember = (
  { db, now }: AccessNeeds,
  by: Principal,
  userId: string,
  audit: WriteAudit,
): Promise<Revoked> =>
  inWorkspace(db, by.workspaceId, async (tx) => {
    await lockForChange(tx, by, userId, null);
    await deleteMembership(tx, userId);
    const revoked = await revokeGivenOut(tx, userId, { keepRoles: [], by: by.id, now: now() });
    await audit(tx, {
      action: "user.removed",
      subject: { kind: "user", id: userId },
      details: { ...revoked },
    });
    return revoked;
  });

async function revokeGivenOut(
  tx: Tx,
  userId: string,
  options: { keepRoles: readonly Role[]; by: string; now: Date },
): Promise<Revoked> {
  return {
    revokedApiKeys: await revokeApiKeysMadeBy(tx, userId, options),
    revokedInvitations: await revokeInvitationsMadeBy(tx, userId, options),
  };
}

async function lockForChange(tx: Tx, by: Principal, userId: string, role: Role | null): Promise<Role> {
  const member = await lockMember(tx, userId);
  if (!member) throw new NotFoundError("user_not_found", "There is no such user in this workspace.");
  switch (decideMemberChange(by, member, role)) {
    case "above_own_role":
      throw new ForbiddenError(
        "above_own_role",
        "Nobody changes who is above them, or raises above themselves.",
      );
    case "last_owner":
      throw new ConflictError(
        "last_owner",
        "A workspace keeps at least one owner: make somebody else one first.",
      );
    case "allowed":
      return member.role;
  }
}
