/** Invitations: whoever has the token of one becomes a member. We send no mail: the inviter passes it on. */
import { enterWorkspace, inAccess, inWorkspace } from "#db/client.ts";
import {
  insertInvitation,
  lockOpenInvitation,
  acceptInvitation as markAccepted,
  revokeInvitation as markRevoked,
} from "#db/queries/invitations.ts";
import { insertMembership, isMember } from "#db/queries/memberships.ts";
import { findUserByEmail, insertUser } from "#db/queries/users.ts";
import { mayGrant, type Principal, type Role } from "#src/domain/access/principal.ts";
import { ConflictError, ForbiddenError, NotFoundError } from "#src/domain/errors.ts";
import type { AccessNeeds, WriteAudit } from "./needs.ts";
import { hashPassword } from "./passwords.ts";
import { digestOf, newToken } from "./secrets.ts";
import { confirmPassword, wrongCredentials } from "./sign-in.ts";
import { requireSecondFactor } from "./two-factor.ts";

const VALID_MS = 7 * 86_400_000;

/**
 * Invites somebody, for 7 days, and answers the token: the only time that it is shown. An open invitation for the same
 * address ends.
 * @throws ForbiddenError for a role above one's own, ConflictError for somebody who is a member
 */
export const invite = (
  { db, now }: Pick<AccessNeeds, "db" | "now">,
  by: Pick<Principal, "id" | "workspaceId" | "role" | "scopes">,
  { email, role }: { email: string; role: Role },
  audit: WriteAudit,
): Promise<{ id: string; token: string; expiresAt: Date }> =>
  inWorkspace(db, by.workspaceId, async (tx) => {
    if (!mayGrant(by, { role })) {
      throw new ForbiddenError("above_own_role", "Nobody invites for more than they may do themselves.");
    }
    if (await isMember(tx, email)) {
      throw new ConflictError("already_a_member", "Somebody with that address is a member already.");
    }
    const token = newToken("cqi_");
    const expiresAt = new Date(now().getTime() + VALID_MS);
    const invitation = { workspaceId: by.workspaceId, email, role, invitedBy: by.id, expiresAt };
    const id = await insertInvitation(tx, { ...invitation, tokenSha256: digestOf(token) }, now());
    await audit(tx, { action: "invitation.made", subject: { kind: "invitation", id }, details: { role } });
    return { id, token, expiresAt };
  });

/** @throws NotFoundError when there is none that is open */
export const revokeInvitation = (
  { db, now }: AccessNeeds,
  { id, workspaceId }: { id: string; workspaceId: string },
  audit: WriteAudit,
): Promise<void> =>
  inWorkspace(db, workspaceId, async (tx) => {
    if (!(await markRevoked(tx, id, now()))) throw notOpen();
    await audit(tx, { action: "invitation.revoked", subject: { kind: "invitation", id } });
  });

export interface Acceptance {
  token: string;
  /** Of a new user. */
  name: string;
  /** A new user's from now on; that of the account, where the address has one. */
  password: string;
  /** Of the authenticator app, where the account has one. */
  code?: string | undefined;
}

/**
 * Makes the invited address a member: a new user, or the one who has an account and proves it.
 * @throws NotFoundError, UnauthorizedError, ConflictError for one who is a member already
 */
export async function acceptInvitation(
  needs: AccessNeeds,
  given: Acceptance,
  audit: WriteAudit,
): Promise<{ userId: string; workspaceId: string; role: Role }> {
  const { db, now } = needs;
  const tokenSha256 = digestOf(given.token);
  const invited = await inAccess(db, async (tx) => {
    const invitation = await lockOpenInvitation(tx, tokenSha256, now());
    return invitation && { account: await findUserByEmail(tx, invitation.email) };
  });
  if (!invited) throw notOpen();
  const { account } = invited;
  if (account) await confirmPassword(needs, account.id, given.password);
  const passwordHash = account ? null : await hashPassword(given.password);
  return inAccess(db, async (tx) => {
    const invitation = await lockOpenInvitation(tx, tokenSha256, now());
    if (!invitation) throw notOpen();
    const { id, workspaceId, role, email } = invitation;
    if (account) await requireSecondFactor(needs, tx, account, given.code);
    const userId = passwordHash
      ? await insertUser(tx, { email, name: given.name, passwordHash })
      : account?.id;
    // The address was given an account in the meantime, by another invitation: its password counts.
    if (!userId) throw wrongCredentials();
    if (!(await insertMembership(tx, { workspaceId, userId, role }))) {
      throw new ConflictError("already_a_member", "You are a member of that workspace already.");
    }
    await markAccepted(tx, id, now());
    await enterWorkspace(tx, workspaceId);
    await audit(tx, {
      actor: { kind: "user", id: userId },
      action: "invitation.accepted",
      subject: { kind: "invitation", id },
      details: { userId, role },
    });
    return { userId, workspaceId, role };
  });
}

const notOpen = () =>
  new NotFoundError(
    "invitation_not_found",
    "There is no such invitation, or it was used, revoked or is too old.",
  );
