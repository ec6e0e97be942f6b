import { canonicalJson } from "./canonical-json.ts";
import { idsFromSeed, newId } from "./ids.ts";

/** The largest event, in bytes of JSON, that a request may carry (the real server's own limit). */
const MAX_EVENT_BYTES = 3_145_728;

/** An accepted event. `body` is its canonical JSON, as functions get it; `internalId` names this delivery. */
export interface IncomingEvent {
  internalId: string;
  /** The id that functions see and that deduplicates; the internal id when the sender gave none. */
  eventId: string;
  /** Whether the sender chose the id, so that it must start each function at most once in 24 hours. */
  hasOwnId: boolean;
  name: string;
  tsMs: number;
  body: string;
  /** The parsed body, for expressions. */
  value: Record<string, unknown>;
}

/** An event as it was stored. */
export function storedEvent(row: Omit<IncomingEvent, "hasOwnId" | "value">): IncomingEvent {
  return { ...row, hasOwnId: false, value: JSON.parse(row.body) as Record<string, unknown> };
}

/** A request that is refused, with the sentence that the sender gets (status 400). */
export class BadEvent extends Error {}

/** The events of a request body; throws BadEvent on the first that is not acceptable. */
export function parseEvents(raw: string, seed: string | undefined, nowMs: number): IncomingEvent[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(raw);
  } catch {
    throw new BadEvent("Request body must contain an event object or an array of event objects");
  }
  const list = Array.isArray(parsed) ? parsed : [parsed];
  const ids = idsFromSeed(seed, list.length);
  return list.map((item, index) => readEvent(item, ids?.[index] ?? newId(nowMs), nowMs));
}

/** An event that the engine itself sends (`inngest/function.failed` and the like). */
export function internalEvent(name: string, data: unknown, id: string, nowMs: number): IncomingEvent {
  return build({ data, id, name, ts: nowMs, user: {} }, newId(nowMs), false);
}

function readEvent(item: unknown, internalId: string, nowMs: number): IncomingEvent {
  if (typeof item !== "object" || item === null || Array.isArray(item)) {
    throw new BadEvent("Request body must contain an event object or an array of event objects");
  }
  const { name, data, id, ts, user, v } = item as Record<string, unknown>;
  if (name !== undefined && typeof name !== "string") throw new BadEvent("event name must be a string");
  if (!name) throw new BadEvent("event name is empty");
  if (name.length > 256) throw new BadEvent("event name is longer than 256 characters");
  if (name.startsWith("inngest/")) throw new BadEvent(`event name is reserved for internal use: ${name}`);
  if (data !== undefined && data !== null && (typeof data !== "object" || Array.isArray(data))) {
    throw new BadEvent("event data must be an object");
  }
  if (user !== undefined && user !== null && (typeof user !== "object" || Array.isArray(user))) {
    throw new BadEvent("event user must be an object");
  }
  if (id !== undefined && id !== null && typeof id !== "string")
    throw new BadEvent("event id must be a string");
  if (typeof id === "string" && id.length > 512) throw new BadEvent("event id is longer than 512 characters");
  if (ts !== undefined && ts !== null && !(typeof ts === "number" && Number.isSafeInteger(ts) && ts >= 0)) {
    throw new BadEvent("event ts must be a whole number of milliseconds");
  }
  const event = build(
    {
      data: data ?? {},
      id: id || internalId,
      name,
      ts: ts || nowMs,
      user: user ?? {},
      ...(v === undefined ? {} : { v }),
    },
    internalId,
    typeof id === "string" && id !== "",
  );
  const bytes = Buffer.byteLength(event.body);
  if (bytes > MAX_EVENT_BYTES) {
    throw new BadEvent(`Event is over the max size: Max ${MAX_EVENT_BYTES} bytes / Size ${bytes} bytes`);
  }
  return event;
}

function build(value: Record<string, unknown>, internalId: string, hasOwnId: boolean): IncomingEvent {
  return {
    internalId,
    eventId: String(value.id),
    hasOwnId,
    name: String(value.name),
    tsMs: Number(value.ts),
    body: canonicalJson(value),
    value,
  };
}
