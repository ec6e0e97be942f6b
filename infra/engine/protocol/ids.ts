import { encodeTime, incrementBase32, monotonicFactory, uuidToULID } from "ulid";
import { v5 } from "uuid";

const NAMESPACE = "6f0f6c0e-7a5b-5b0e-9c3d-1c2b3a495867";

const monotonic = monotonicFactory();

/** A new id for an event, a run or a request: 26 characters that sort by time of creation. */
export function newId(nowMs = Date.now()): string {
  return monotonic(nowMs);
}

/** The smallest ULID of an instant, to compare ids with a point in time. */
export function ulidFloor(timeMs: number): string {
  return encodeTime(Math.max(0, Math.floor(timeMs))).padEnd(26, "0");
}

/**
 * The ids of the events of one request, from the SDK's `x-inngest-event-id-seed` header ("<ms>,<base64 of 10
 * bytes>"): event n (from 1) gets the seed's entropy plus n, so a request that is sent again yields the same ids.
 * Null for a missing or odd header.
 */
export function idsFromSeed(header: string | undefined, count: number): string[] | null {
  const match = header?.match(/^(\d{1,15}),([A-Za-z0-9+/=]{14,24})$/);
  const entropy = Buffer.from(match?.[2] ?? "", "base64");
  if (!match || entropy.length !== 10 || Number(match[1]) >= 2 ** 48) return null;
  const hex = Number(match[1]).toString(16).padStart(12, "0") + entropy.toString("hex");
  let id = uuidToULID(hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"));
  return Array.from({ length: count }, () => {
    id = incrementBase32(id);
    return id;
  });
}

/** The same UUID (version 5) for the same name, always: ids of apps and functions survive a new database. */
export function uuidFromName(name: string): string {
  return v5(name, NAMESPACE);
}
