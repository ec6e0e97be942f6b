/**
 * How an API key looks: `cq_live_`, 43 digits of base 62 (256 random bits), and 6 more that are the CRC-32 of the rest.
 * The prefix lets secret scanners find leaked keys, and the checksum lets them, and us, tell a key from what only looks
 * like one without asking the database.
 */
import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";

export const API_KEY_PREFIX = "cq_live_";

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SECRET_DIGITS = 43;
const CHECKSUM_DIGITS = 6;
const FORMAT = new RegExp(`^${API_KEY_PREFIX}[0-9A-Za-z]{${SECRET_DIGITS + CHECKSUM_DIGITS}}$`);

export function newApiKey(): string {
  const secret = base62(BigInt(`0x${randomBytes(32).toString("hex")}`), SECRET_DIGITS);
  return withChecksum(API_KEY_PREFIX + secret);
}

export const looksLikeApiKey = (text: string): boolean =>
  FORMAT.test(text) && withChecksum(text.slice(0, -CHECKSUM_DIGITS)) === text;

const withChecksum = (text: string) => text + base62(BigInt(crc32(text)), CHECKSUM_DIGITS);

function base62(number: bigint, length: number): string {
  let rest = number;
  let text = "";
  while (text.length < length) {
    text = DIGITS.charAt(Number(rest % 62n)) + text;
    rest /= 62n;
  }
  return text;
}
