import { throttle } from "./throttle.ts";

/** Events on their way to one run: what a debounce or a batch holds for one key. */
export interface Collected {
  /** How many; a debounce keeps only the last. */
  count: number;
  bytes: number;
  firstAtMs: number;
  /** When a run is made of them. */
  dueAtMs: number;
}

/** The most that the events of one batch may come to. */
const MAX_BATCH_BYTES = 10 * 1024 * 1024;

/** The last event stands; each puts the run off by the period, up to `maxMs` after the first. */
export function debounce(
  rule: { periodMs: number; maxMs: number | null },
  held: Collected | null,
  bytes: number,
  nowMs: number,
): Collected {
  const firstAtMs = held?.firstAtMs ?? nowMs;
  const latestMs = rule.maxMs === null ? Number.POSITIVE_INFINITY : firstAtMs + rule.maxMs;
  return { count: 1, bytes, firstAtMs, dueAtMs: Math.min(nowMs + rule.periodMs, latestMs) };
}

/** Adds an event to a batch; `full` when a run is to be made of it at once. */
export function batch(
  rule: { maxSize: number; timeoutMs: number },
  held: Collected | null,
  bytes: number,
  nowMs: number,
): { held: Collected; full: boolean } {
  const next = {
    count: (held?.count ?? 0) + 1,
    bytes: (held?.bytes ?? 0) + bytes,
    firstAtMs: held?.firstAtMs ?? nowMs,
    dueAtMs: held?.dueAtMs ?? nowMs + rule.timeoutMs,
  };
  return { held: next, full: next.count >= rule.maxSize || next.bytes >= MAX_BATCH_BYTES };
}

/**
 * Asks all rate limits at once: their new states when each allows the event, else null, and none is charged.
 * A limit of n in a period is n buckets of time, each of which takes one event (as Inngest documents it).
 */
export function rateLimit(
  rules: readonly { limit: number; periodMs: number }[],
  tats: readonly number[],
  nowMs: number,
): number[] | null {
  const decisions = rules.map((rule, index) => throttle({ ...rule, burst: 1 }, tats[index] ?? 0, nowMs));
  const next = decisions.flatMap((decision) => (decision.allowed ? [decision.tatMs] : []));
  return next.length === rules.length ? next : null;
}
