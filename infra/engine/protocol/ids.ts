import { createHash } from "node:crypto";
import { monotonicFactory } from "ulid";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const NAMESPACE = Buffer.from("6f0f6c0e7a5b5b0e9c3d1c2b3a495867", "hex");

const monotonic = monotonicFactory();

/** A new id for an event, a run or a request: 26 characters that sort by time of creation. */
export function newId(nowMs = Date.now()): string {
  return monotonic(nowMs);
}

/** The ULID with this time (milliseconds) and these 10 bytes; throws on a time out of range. */
export function ulidFrom(timeMs: number, entropy: Uint8Array): string {
  if (!Number.isSafeInteger(timeMs) || timeMs < 0 || timeMs >= 2 ** 48) throw new Error("bad ULID time");
  let bits = BigInt(timeMs);
  for (const byte of entropy.subarray(0, 10)) bits = (bits << 8n) | BigInt(byte);
  let out = "";
  for (let i = 0; i < 26; i++) {
    out = ALPHABET[Number(bits & 31n)] + out;
    bits >>= 5n;
  }
  return out;
}

/** The smallest ULID of an instant, to compare ids with a point in time. */
export function ulidFloor(timeMs: number): string {
  return ulidFrom(Math.max(0, Math.floor(timeMs)), new Uint8Array(10));
}

/**
 * The ids of the events of one request, from the SDK's `x-inngest-event-id-seed` header ("<ms>,<base64 of 10
 * bytes>"): event n (from 1) gets the seed's entropy plus n, so a request that is sent again yields the same ids.
 * Null for a missing or odd header.
 */
export function idsFromSeed(header: string | undefined, count: number): string[] | null {
  const match = header?.match(/^(\d{1,15}),([A-Za-z0-9+/=]{14,24})$/);
  if (!match) return null;
  const entropy = Buffer.from(match[2] ?? "", "base64");
  if (entropy.length !== 10) return null;
  const base = BigInt(`0x${entropy.toString("hex")}`);
  const ids: string[] = [];
  for (let i = 0; i < count; i++) {
    const hex = ((base + BigInt(i + 1)) & ((1n << 80n) - 1n)).toString(16).padStart(20, "0");
    ids.push(ulidFrom(Number(match[1]), Buffer.from(hex, "hex")));
  }
  return ids;
}

/** The same UUID (version 5) for the same name, always: ids of apps and functions survive a new database. */
export function uuidFromName(name: string): string {
  const bytes = createHash("sha1").update(NAMESPACE).update(name).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
