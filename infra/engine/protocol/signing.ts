import { createHash, createHmac, timingSafeEqual } from "node:crypto";

const MAX_AGE_MS = 5 * 60_000;

/** The form of a signing key that travels as a bearer token: SHA-256 of the key's bytes, prefix kept. */
export function hashSigningKey(key: string): string {
  const prefix = key.match(/^signkey-\w+-/)?.[0] ?? "";
  return (
    prefix +
    createHash("sha256")
      .update(Buffer.from(bareKey(key), "hex"))
      .digest("hex")
  );
}

/** The value of `x-inngest-signature` for a body in canonical JSON. */
export function signBody(body: string, key: string, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1000).toString();
  return `t=${seconds}&s=${hmac(body, key, seconds)}`;
}

/** Whether one of the keys signed this body within the last five minutes. */
export function verifyBody(body: string, header: string | undefined, keys: string[], nowMs: number): boolean {
  const params = new URLSearchParams(header ?? "");
  const seconds = params.get("t") ?? "";
  const signature = params.get("s") ?? "";
  const at = Number.parseInt(seconds, 10) * 1000;
  if (!signature || !(Math.abs(nowMs - at) <= MAX_AGE_MS)) return false;
  return keys.some((key) => sameText(hmac(body, key, seconds), signature));
}

/** Whether an `Authorization` header carries one of the signing keys, hashed (as the SDK sends it) or raw. */
export function bearerMatches(header: string | undefined, keys: string[]): boolean {
  const token = header?.match(/^Bearer\s+(\S+)$/i)?.[1];
  if (!token) return false;
  return keys.some((key) => sameText(token, hashSigningKey(key)) || sameText(token, key));
}

/** Equality of two texts in constant time for equal lengths. */
export function sameText(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

function hmac(body: string, key: string, seconds: string): string {
  return createHmac("sha256", bareKey(key)).update(body).update(seconds).digest("hex");
}

function bareKey(key: string): string {
  return key.replace(/^signkey-\w+-/, "");
}
