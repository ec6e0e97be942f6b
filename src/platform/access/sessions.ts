/** Sessions: access tokens for 15 minutes, refresh tokens for 7 days, rotated at each use. */
import { createHmac } from "node:crypto";
import { enterWorkspace, inAccess, type Tx } from "#db/client.ts";
import { type Membership, membershipsOf } from "#db/queries/memberships.ts";
import {
  deleteOldSessions,
  endSession,
  endSessionsOf,
  insertSession,
  isRefreshToken,
  lockRefreshToken,
  replaceRefreshToken,
  setSessionWorkspace,
} from "#db/queries/sessions.ts";
import { decideRefresh } from "#src/domain/access/refresh.ts";
import { ForbiddenError, UnauthorizedError } from "#src/domain/errors.ts";
import type { Vault } from "../vault.ts";
import { ACCESS_TOKEN_SECONDS, issueAccessToken } from "./access-tokens.ts";
import type { AccessNeeds, WriteAudit } from "./needs.ts";
import { digestOf, newToken } from "./secrets.ts";

const DAY_MS = 86_400_000;
const REFRESH_TOKEN_MS = 7 * DAY_MS;
const KEEP_ENDED_MS = 30 * DAY_MS;
const REFRESH_PREFIX = "cqr_";

export interface Tokens {
  accessToken: string;
  expiresInSeconds: number;
  refreshToken: string;
  workspaceId: string;
  role: Membership["role"];
}

/** As the access role: signs a user in, in one of their workspaces. */
export async function startSession(
  { vault, now }: Pick<AccessNeeds, "vault" | "now">,
  tx: Tx,
  userId: string,
  membership: Membership,
): Promise<Tokens & { sessionId: string }> {
  const at = now();
  await deleteOldSessions(tx, userId, new Date(at.getTime() - KEEP_ENDED_MS));
  const refreshToken = newToken(REFRESH_PREFIX);
  const sessionId = await insertSession(tx, {
    userId,
    workspaceId: membership.workspaceId,
    tokenSha256: digestOf(refreshToken),
    expiresAt: new Date(at.getTime() + REFRESH_TOKEN_MS),
  });
  return { ...(await tokens(vault, { sessionId, userId, membership, refreshToken }, at)), sessionId };
}

/**
 * New tokens for a refresh token; in another workspace of the user's, if one is named. One that is presented again
 * after its use ends the session with all its tokens, unless that is within seconds: then it has the same answer.
 * @throws UnauthorizedError when the token is of no use (any more), ForbiddenError when the user is no member there
 */
export async function refreshSession(
  { db, vault, now }: AccessNeeds,
  given: { refreshToken: string; workspaceId?: string | undefined },
  audit: WriteAudit,
): Promise<Tokens> {
  const at = now();
  const usedSha256 = digestOf(given.refreshToken);
  const refreshed = await inAccess(db, async (tx) => {
    const presented = await lockRefreshToken(tx, usedSha256);
    const decision = presented ? decideRefresh(presented, at) : "refuse";
    if (!presented || decision === "refuse") return null;
    const { sessionId, userId } = presented;
    if (decision === "replayed") {
      await endSession(tx, sessionId, "replayed", at);
      await enterWorkspace(tx, presented.workspaceId);
      const subject = { kind: "session", id: sessionId };
      await audit(tx, { actor: { kind: "user", id: userId }, action: "session.replayed", subject });
      return null;
    }
    const successors = successorsOf(vault, given.refreshToken);
    const refreshToken =
      decision === "rotate"
        ? successors[0]
        : await firstOf(successors, (each) => isRefreshToken(tx, digestOf(each)));
    if (refreshToken === undefined) return null;
    if (decision === "rotate") {
      const expiresAt = new Date(at.getTime() + REFRESH_TOKEN_MS);
      const tokenSha256 = digestOf(refreshToken);
      await replaceRefreshToken(tx, { sessionId, usedSha256, tokenSha256, expiresAt, now: at });
    }
    const membership = await membershipIn(tx, userId, given.workspaceId ?? presented.workspaceId);
    if (membership.workspaceId !== presented.workspaceId) {
      await setSessionWorkspace(tx, sessionId, membership.workspaceId);
      await enterWorkspace(tx, membership.workspaceId);
      const subject = { kind: "session", id: sessionId };
      await audit(tx, { actor: { kind: "user", id: userId }, action: "session.entered", subject });
    }
    return tokens(vault, { sessionId, userId, membership, refreshToken }, at);
  });
  if (!refreshed) throw new UnauthorizedError("refresh_token_invalid", "The session is over: sign in again.");
  return refreshed;
}

/** Ends one session. */
export const signOut = (
  { db, now }: AccessNeeds,
  session: { id: string; workspaceId: string },
  audit: WriteAudit,
): Promise<void> =>
  inAccess(db, async (tx) => {
    await endSession(tx, session.id, "signed_out", now());
    await enterWorkspace(tx, session.workspaceId);
    await audit(tx, { action: "session.ended", subject: { kind: "session", id: session.id } });
  });

/** Ends all sessions of a user, wherever they are. Returns how many that were. */
export const signOutEverywhere = (
  { db, now }: AccessNeeds,
  user: { id: string; workspaceId: string },
  audit: WriteAudit,
): Promise<number> =>
  inAccess(db, async (tx) => {
    const ended = await endSessionsOf(tx, user.id, { because: "signed_out", now: now() });
    await enterWorkspace(tx, user.workspaceId);
    await audit(tx, {
      action: "session.ended_everywhere",
      subject: { kind: "user", id: user.id },
      details: { ended },
    });
    return ended;
  });

/**
 * What takes a refresh token's place follows from it: a repeated request gets the same answer, though we store digests
 * only, and two tabs go on with one token, so that a thief's use of it still shows. One for each key that there is, as
 * the keys may have been rotated in between.
 */
const successorsOf = (vault: Vault, token: string): string[] =>
  vault
    .derive("refresh-token")
    .map(({ key }) => REFRESH_PREFIX + createHmac("sha256", key).update(token).digest("base64url"));

async function firstOf<T>(items: readonly T[], fits: (item: T) => Promise<boolean>): Promise<T | undefined> {
  for (const item of items) if (await fits(item)) return item;
  return undefined;
}

async function membershipIn(tx: Tx, userId: string, workspaceId: string): Promise<Membership> {
  const found = (await membershipsOf(tx, userId)).find((each) => each.workspaceId === workspaceId);
  if (!found) throw new ForbiddenError("not_a_member", "You are no member of that workspace.");
  return found;
}

async function tokens(
  vault: Vault,
  session: { sessionId: string; userId: string; membership: Membership; refreshToken: string },
  now: Date,
): Promise<Tokens> {
  const { sessionId, userId, membership, refreshToken } = session;
  const { workspaceId, role } = membership;
  const claims = { sub: userId, sid: sessionId, workspace: workspaceId, role };
  return {
    accessToken: await issueAccessToken(vault, claims, now),
    expiresInSeconds: ACCESS_TOKEN_SECONDS,
    refreshToken,
    workspaceId,
    role,
  };
}
