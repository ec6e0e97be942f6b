/** One-time codes of an authenticator app (TOTP, RFC 6238: SHA-1, 6 digits, 30 s, as all apps have it), and recovery codes. */
import { randomBytes } from "node:crypto";
import { Secret, TOTP } from "otpauth";
import { enterWorkspace, inAccess, type Tx } from "#db/client.ts";
import {
  confirmTotp,
  findUser,
  removeTotp,
  setTotpSecret,
  takeRecoveryCode,
  takeTotpStep,
  type UserRow,
} from "#db/queries/users.ts";
import { ConflictError, UnauthorizedError } from "#src/domain/errors.ts";
import type { AccessNeeds, WriteAudit } from "./needs.ts";
import { digestOf } from "./secrets.ts";

const PERIOD_S = 30;
/** Codes before and after the current one that are taken, too: clocks differ. */
const WINDOW = 1;
const RECOVERY_CODES = 10;

/** How the secret is sealed; the vault's list of sealed columns names it, too. */
export const totpContext = (userId: string) => ({ workspaceId: null, field: `users.totp_secret:${userId}` });

interface Who {
  id: string;
  workspaceId: string;
}

/**
 * Makes a secret for the user's app. Sign-in asks for codes once {@link confirmTwoFactor} has seen one.
 * @throws ConflictError when one is in use
 */
export async function enrolTwoFactor(
  { db, vault }: AccessNeeds,
  { id, workspaceId }: Who,
  email: string,
  audit: WriteAudit,
): Promise<{ secret: string; uri: string }> {
  const secret = new Secret({ size: 20 });
  await inAccess(db, async (tx) => {
    if (!(await setTotpSecret(tx, id, vault.seal(totpContext(id), secret.base32)))) throw inUse();
    await enterWorkspace(tx, workspaceId);
    await audit(tx, { action: "totp.enrolled", subject: { kind: "user", id } });
  });
  return { secret: secret.base32, uri: totpOf(secret.base32, email).toString() };
}

/**
 * Takes the first code, and gives out recovery codes: the only time that they are shown.
 * @throws UnauthorizedError when the code is wrong, ConflictError when there is nothing to confirm
 */
export function confirmTwoFactor(
  { db, vault, now }: AccessNeeds,
  { id, workspaceId }: Who,
  code: string,
  audit: WriteAudit,
): Promise<{ recoveryCodes: string[] }> {
  return inAccess(db, async (tx) => {
    const user = await findUser(tx, id, { lock: true });
    if (!user?.totpSecret) throw new ConflictError("totp_not_enrolled", "Set up an authenticator app first.");
    if (!(await takeCode(vault, tx, user, code, now()))) throw wrongCode();
    const recoveryCodes = Array.from({ length: RECOVERY_CODES }, newRecoveryCode);
    if (!(await confirmTotp(tx, id, recoveryCodes.map(digestOf), now()))) throw inUse();
    await enterWorkspace(tx, workspaceId);
    await audit(tx, { action: "totp.confirmed", subject: { kind: "user", id } });
    return { recoveryCodes };
  });
}

/** From now on sign-in asks for no code. @throws UnauthorizedError when the code is wrong */
export function removeTwoFactor(
  needs: AccessNeeds,
  { id, workspaceId }: Who,
  code: string | undefined,
  audit: WriteAudit,
): Promise<void> {
  return inAccess(needs.db, async (tx) => {
    const user = await findUser(tx, id, { lock: true });
    if (user) await requireSecondFactor(needs, tx, user, code);
    await removeTotp(tx, id);
    await enterWorkspace(tx, workspaceId);
    await audit(tx, { action: "totp.removed", subject: { kind: "user", id } });
  });
}

/**
 * Takes a code of a user who has set that up: once, whichever request brings it.
 * @throws UnauthorizedError `totp_required` without one, `wrong_code` for one that is wrong or was taken before
 */
export async function requireSecondFactor(
  { vault, now }: Pick<AccessNeeds, "vault" | "now">,
  tx: Tx,
  user: UserRow,
  code: string | undefined,
): Promise<void> {
  if (!user.totpConfirmed) return;
  if (code === undefined) {
    throw new UnauthorizedError("totp_required", "Send the code of your authenticator app, too.");
  }
  const taken =
    (await takeCode(vault, tx, user, code, now())) ||
    (await takeRecoveryCode(tx, user.id, digestOf(code.toLowerCase())));
  if (!taken) throw wrongCode();
}

async function takeCode(
  vault: AccessNeeds["vault"],
  tx: Tx,
  user: UserRow,
  code: string,
  now: Date,
): Promise<boolean> {
  if (!user.totpSecret || !/^\d{6}$/.test(code)) return false;
  const totp = totpOf(vault.open(totpContext(user.id), user.totpSecret), user.email);
  const timestamp = now.getTime();
  const delta = totp.validate({ token: code, timestamp, window: WINDOW });
  if (delta === null) return false;
  return takeTotpStep(tx, user.id, Math.floor(timestamp / 1000 / PERIOD_S) + delta);
}

const totpOf = (secret: string, label: string) =>
  new TOTP({ issuer: "Cerniq", label, secret, period: PERIOD_S, digits: 6, algorithm: "SHA1" });

/** 80 random bits, in four groups that can be read out. */
const newRecoveryCode = () => {
  const text = new Secret({ buffer: new Uint8Array(randomBytes(10)).buffer }).base32.toLowerCase();
  return (text.match(/.{4}/g) ?? []).join("-");
};

const inUse = () => new ConflictError("totp_in_use", "An authenticator app is in use: remove it first.");
const wrongCode = () => new UnauthorizedError("wrong_code", "The code is wrong, or was used before.");
