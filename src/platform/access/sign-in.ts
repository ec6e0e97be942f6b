import { enterWorkspace, inAccess } from "#db/client.ts";
import { membershipsOf } from "#db/queries/memberships.ts";
import { endSessionsOf } from "#db/queries/sessions.ts";
import { findUser, findUserByEmail, markSignedIn, setPassword, type UserRow } from "#db/queries/users.ts";
import { ForbiddenError, UnauthorizedError } from "#src/domain/errors.ts";
import type { AccessNeeds, WriteAudit } from "./needs.ts";
import { checkPassword, hashPassword } from "./passwords.ts";
import { newToken } from "./secrets.ts";
import { startSession, type Tokens } from "./sessions.ts";
import { requireSecondFactor } from "./two-factor.ts";

export interface SignIn {
  /** In lower case. */
  email: string;
  password: string;
  /** Of the authenticator app, or a recovery code; where the user has set that up. */
  code?: string | undefined;
  /** Default: the one that the user has been in the longest. */
  workspaceId?: string | undefined;
}

/**
 * Signs a user in. An unknown address and a wrong password have the same answer, after the same work.
 * @throws UnauthorizedError; ForbiddenError when the user is no member of that workspace, or of any
 */
export async function signIn(needs: AccessNeeds, given: SignIn, audit: WriteAudit): Promise<Tokens> {
  const { db, now } = needs;
  const known = await inAccess(db, (tx) => findUserByEmail(tx, given.email));
  const verdict = await checkPassword(given.password, known?.passwordHash ?? (await decoy()));
  if (!known || verdict === "wrong") throw wrongCredentials();
  const rehashed = verdict === "outdated" ? await hashPassword(given.password) : null;
  return inAccess(db, async (tx) => {
    requireSamePassword(await findUser(tx, known.id, { lock: true }), known);
    await requireSecondFactor(needs, tx, known, given.code);
    const memberships = await membershipsOf(tx, known.id);
    const membership = given.workspaceId
      ? memberships.find(({ workspaceId }) => workspaceId === given.workspaceId)
      : memberships[0];
    if (!membership) throw new ForbiddenError("not_a_member", "You are no member of that workspace.");
    if (rehashed) await setPassword(tx, known.id, rehashed);
    await markSignedIn(tx, known.id, now());
    const { sessionId, ...tokens } = await startSession(needs, tx, known.id, membership);
    await enterWorkspace(tx, membership.workspaceId);
    await audit(tx, {
      actor: { kind: "user", id: known.id },
      action: "session.started",
      subject: { kind: "session", id: sessionId },
    });
    return tokens;
  });
}

/**
 * Changes a user's password and ends their other sessions: whoever knew the old one is out.
 * @throws UnauthorizedError when the current one is wrong
 */
export async function changePassword(
  needs: AccessNeeds,
  user: { id: string; workspaceId: string; sessionId: string | undefined },
  { current, next }: { current: string; next: string },
  audit: WriteAudit,
): Promise<void> {
  const { db, now } = needs;
  const known = await confirmPassword(needs, user.id, current);
  const passwordHash = await hashPassword(next);
  await inAccess(db, async (tx) => {
    requireSamePassword(await findUser(tx, user.id, { lock: true }), known);
    await setPassword(tx, user.id, passwordHash);
    const ended = await endSessionsOf(tx, user.id, {
      except: user.sessionId ?? null,
      because: "password_changed",
      now: now(),
    });
    await enterWorkspace(tx, user.workspaceId);
    await audit(tx, {
      action: "user.password_changed",
      subject: { kind: "user", id: user.id },
      details: { endedSessions: ended },
    });
  });
}

/** Asks again who is there, before something that a stolen access token must not be enough for. */
export async function confirmPassword(
  { db }: Pick<AccessNeeds, "db">,
  userId: string,
  password: string,
): Promise<UserRow> {
  const user = await inAccess(db, (tx) => findUser(tx, userId));
  if (!user || (await checkPassword(password, user.passwordHash)) === "wrong") throw wrongCredentials();
  return user;
}

export const wrongCredentials = () =>
  new UnauthorizedError("wrong_credentials", "The e-mail address or the password is wrong.");

/** Checked outside the transaction, which it would hold open: it must not have changed since. */
function requireSamePassword(now: UserRow | null, checked: UserRow): void {
  if (now?.passwordHash !== checked.passwordHash) throw wrongCredentials();
}

/** Nobody's password, made at the first need with today's parameters: takes as long as somebody's. */
let decoyHash: Promise<string> | undefined;
function decoy(): Promise<string> {
  decoyHash ??= hashPassword(newToken(""));
  return decoyHash;
}
