import type { Context } from "hono";
import { z } from "zod";
import { inAccess } from "#db/client.ts";
import { findUser } from "#db/queries/users.ts";
import type { Deps } from "#src/deps.ts";
import { type Principal, roles } from "#src/domain/access/principal.ts";
import { ForbiddenError, RateLimitError } from "#src/domain/errors.ts";
import { acceptInvitation } from "#src/platform/access/invitations.ts";
import { refreshSession, signOut, signOutEverywhere } from "#src/platform/access/sessions.ts";
import { changePassword, confirmPassword, signIn } from "#src/platform/access/sign-in.ts";
import { confirmTwoFactor, enrolTwoFactor, removeTwoFactor } from "#src/platform/access/two-factor.ts";
import { networkOf } from "../client-ip.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import type { AppEnv } from "../envelope.ts";
import { freeText } from "../plain-text.ts";

/** Of an address, and of an account: whatever is guessed, a password or a code. */
const SIGN_INS_PER_MINUTE = 5;

export const Email = z.string().trim().toLowerCase().max(254).pipe(z.email());
/** NIST SP 800-63B: long, of whatever letters. */
const NewPassword = z.string().min(12).max(200);
const Password = z.string().min(1).max(200);
const Code = z.string().trim().min(6).max(30).describe("Of the authenticator app, or a recovery code.");
const Token = z.string().min(1).max(200);

const Tokens = z.object({
  accessToken: z.string().describe("For `Authorization: Bearer …`."),
  expiresInSeconds: z.int(),
  refreshToken: z.string().describe("For /auth/refresh, once and within 7 days; then its successor."),
  workspaceId: z.uuid(),
  role: z.enum(roles),
});
const Me = z.object({
  kind: z.enum(["user", "api_key", "service"]),
  id: z.string(),
  workspaceId: z.uuid(),
  role: z.enum(roles),
  scopes: z.array(z.string()).nullable(),
  user: z.object({ email: z.string(), name: z.string(), hasTotp: z.boolean() }).nullable(),
});
const Nothing = z.object({});

export const authEndpoints = (deps: Deps): Endpoint[] => [
  endpoint(
    {
      method: "post",
      path: "/auth/sign-in",
      tag: "auth",
      role: "public",
      summary: "Signs a user in",
      description:
        "Five times a minute from one address, and to one account. With an authenticator app: 401 `totp_required` " +
        "until `code` comes along.",
      body: z.strictObject({
        email: Email,
        password: Password,
        code: Code.optional(),
        workspaceId: z.uuid().optional().describe("Default: the one that the user has been in the longest."),
      }),
      answer: Tokens,
    },
    async ({ c, audit, body }) => {
      await limitGuesses(deps, c, body.email);
      return signIn(deps, body, audit);
    },
  ),
  endpoint(
    {
      method: "post",
      path: "/auth/refresh",
      tag: "auth",
      role: "public",
      summary: "New tokens for a refresh token",
      description:
        "One that comes again more than 10 s after its use was copied: the session ends, with all its tokens.",
      body: z.strictObject({
        refreshToken: Token,
        workspaceId: z.uuid().optional().describe("To go on in another workspace of the user's."),
      }),
      answer: Tokens,
      audit: false,
    },
    ({ audit, body }) => refreshSession(deps, body, audit),
  ),
  endpoint(
    {
      method: "post",
      path: "/auth/accept-invitation",
      tag: "auth",
      role: "public",
      summary: "Makes whoever was invited a member, and a user where the address has no account",
      body: z.strictObject({
        token: Token,
        name: freeText(200),
        password: NewPassword.describe("Of a new user; that of the account, where the address has one."),
        code: Code.optional(),
      }),
      answer: z.object({ userId: z.uuid(), workspaceId: z.uuid(), role: z.enum(roles) }),
    },
    async ({ c, audit, body }) => {
      await limitGuesses(deps, c, body.token);
      return acceptInvitation(deps, body, audit);
    },
  ),
  endpoint(
    {
      method: "get",
      path: "/auth/me",
      tag: "auth",
      role: "viewer",
      summary: "Who is asking, where, and as what",
      answer: Me,
    },
    async ({ principal: { kind, id, workspaceId, role, scopes } }) => {
      const user = kind === "user" ? await inAccess(deps.db, (tx) => findUser(tx, id)) : null;
      const shown = user && { email: user.email, name: user.name, hasTotp: user.totpConfirmed };
      return { kind, id, workspaceId, role, scopes: scopes && [...scopes], user: shown };
    },
  ),
  endpoint(
    {
      method: "post",
      path: "/auth/sign-out",
      tag: "auth",
      role: "viewer",
      summary: "Ends this session",
      answer: Nothing,
    },
    async ({ principal, audit }) => {
      const { sessionId, workspaceId } = userOf(principal);
      await signOut(deps, { id: sessionId, workspaceId }, audit);
      return {};
    },
  ),
  endpoint(
    {
      method: "post",
      path: "/auth/sign-out-everywhere",
      tag: "auth",
      role: "viewer",
      summary: "Ends all sessions of this user",
      answer: z.object({ ended: z.int() }),
    },
    async ({ principal, audit }) => ({ ended: await signOutEverywhere(deps, userOf(principal), audit) }),
  ),
  endpoint(
    {
      method: "post",
      path: "/auth/password",
      tag: "auth",
      role: "viewer",
      summary: "Changes this user's password, and ends their other sessions",
      body: z.strictObject({ currentPassword: Password, newPassword: NewPassword }),
      answer: Nothing,
    },
    async ({ c, principal, audit, body }) => {
      const user = userOf(principal);
      await limitGuesses(deps, c, user.id);
      await changePassword(deps, user, { current: body.currentPassword, next: body.newPassword }, audit);
      return {};
    },
  ),
  endpoint(
    {
      method: "post",
      path: "/auth/totp",
      tag: "auth",
      role: "viewer",
      summary: "Makes a secret for an authenticator app; it is asked for once a code was confirmed",
      body: z.strictObject({ password: Password }),
      answer: z.object({ secret: z.string(), uri: z.string().describe("For a QR code.") }),
    },
    async ({ c, principal, audit, body }) => {
      const user = userOf(principal);
      await limitGuesses(deps, c, user.id);
      const { email } = await confirmPassword(deps, user.id, body.password);
      return enrolTwoFactor(deps, user, email, audit);
    },
  ),
  endpoint(
    {
      method: "post",
      path: "/auth/totp/confirm",
      tag: "auth",
      role: "viewer",
      summary: "Takes the app's first code; from then on sign-in asks for one",
      body: z.strictObject({ code: Code }),
      answer: z.object({ recoveryCodes: z.array(z.string()).describe("Each once. Shown this once.") }),
    },
    async ({ c, principal, audit, body }) => {
      const user = userOf(principal);
      await limitGuesses(deps, c, user.id);
      return confirmTwoFactor(deps, user, body.code, audit);
    },
  ),
  endpoint(
    {
      method: "post",
      path: "/auth/totp/remove",
      tag: "auth",
      role: "viewer",
      summary: "Removes the authenticator app",
      body: z.strictObject({ password: Password, code: Code.optional() }),
      answer: Nothing,
    },
    async ({ c, principal, audit, body }) => {
      const user = userOf(principal);
      await limitGuesses(deps, c, user.id);
      await confirmPassword(deps, user.id, body.password);
      await removeTwoFactor(deps, user, body.code, audit);
      return {};
    },
  ),
];

/** @throws ForbiddenError for API keys and services, which have neither session nor password */
function userOf({ kind, sessionId, id, workspaceId }: Principal) {
  if (kind !== "user" || !sessionId) throw new ForbiddenError("users_only", "This is for users who sign in.");
  return { id, workspaceId, sessionId };
}

/** @param account what is guessed at */
async function limitGuesses({ rateLimiter }: Deps, c: Context<AppEnv>, account: string): Promise<void> {
  const address = networkOf(c.get("clientIp"));
  for (const who of [`sign-in:address:${address}`, `sign-in:account:${account}`]) {
    const { allowed, resetSeconds } = await rateLimiter.take(who, SIGN_INS_PER_MINUTE);
    if (!allowed) throw new RateLimitError(`Too many attempts: go on in ${resetSeconds} s.`, resetSeconds);
  }
}
