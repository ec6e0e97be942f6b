/** Random secrets that we hand out, and the one way to compare secrets. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** 256 random bits after a prefix that says what it is: to people, and to scanners that look for leaked secrets. */
export const newToken = (prefix: string): string => `${prefix}${randomBytes(32).toString("base64url")}`;

/** What is stored of a random secret, as hexadecimal. SHA-256 is enough: 256 random bits cannot be guessed. */
export const digestOf = (secret: string): string => createHash("sha256").update(secret).digest("hex");

/**
 * Whether two secrets are the same, in a time that tells nothing of either: their digests have one length, and are
 * compared as a whole. Every comparison of secrets goes through here or through a look-up of a digest.
 */
export const sameSecret = (one: string, other: string): boolean =>
  timingSafeEqual(Buffer.from(digestOf(one)), Buffer.from(digestOf(other)));
