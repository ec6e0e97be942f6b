import { createHash } from "node:crypto";
import { evaluate, type Facts, keyOf } from "../expressions.ts";
import type { FunctionSpec } from "../protocol/functions.ts";
import type { Slot } from "./concurrency.ts";

/**
 * A partition holds queue items that are limited alike: the same function, the same concurrency keys and, for
 * runs that have not started, the same throttle key. Its name is "<function id>|<class>|<key>|<key>..." where
 * the class is "s" (to be started) or "c" (started, going on); started items do not wait behind throttled ones.
 */
export type PartitionClass = "s" | "c";

/** The keys of a run, computed once from its event, in the order of the function's limits, throttle last. */
export function runKeys(fn: FunctionSpec, facts: Facts): string {
  const keys = fn.concurrency.map((limit) => (limit.key === null ? "" : digest(limit.key, facts)));
  if (fn.throttle) keys.push(fn.throttle.key === null ? "" : digest(fn.throttle.key, facts));
  return keys.join("|");
}

export function startPartition(fnId: string, keys: string): string {
  return `${fnId}|s|${keys}`;
}

export function goOnPartition(fnId: string, keys: string): string {
  return `${fnId}|c|${keys}`;
}

export interface PartitionName {
  fnId: string;
  class: PartitionClass;
  keys: string[];
}

export function readPartition(name: string): PartitionName {
  const [fnId = "", kind, ...keys] = name.split("|");
  return { fnId, class: kind === "s" ? "s" : "c", keys };
}

/** The slots that a step of this partition takes under the function's present limits. */
export function slotsOf(fn: FunctionSpec, name: PartitionName): Slot[] {
  return fn.concurrency.map((limit, index) => {
    const key = name.keys[index] ?? "";
    const owner =
      limit.scope === "fn" ? `f:${fn.id}:${limit.key === null ? index : ""}:` : `${limit.scope[0]}:`;
    return { key: `${owner}${key}`, limit: limit.limit };
  });
}

/** Under which key this partition's throttle remembers its last start; null when the function has no throttle now. */
export function throttleKeyOf(fn: FunctionSpec, name: PartitionName): string | null {
  if (!fn.throttle || name.class !== "s") return null;
  return `t|${fn.id}|${name.keys[fn.concurrency.length] ?? ""}`;
}

/** A run's head start in seconds from `priority.run`, from -600 to 600; 0 when the expression yields no number. */
export function prioritySeconds(fn: FunctionSpec, facts: Facts): number {
  if (fn.priority === null) return 0;
  const value = Number(evaluate(fn.priority, facts));
  return Number.isFinite(value) ? Math.max(-600, Math.min(600, Math.trunc(value))) : 0;
}

/** Short, and the same for the same expression and value, also across functions (scopes env and account). */
function digest(expression: string, facts: Facts): string {
  return createHash("sha1")
    .update(`${expression}\0${keyOf(expression, facts)}`)
    .digest("base64url")
    .slice(0, 16);
}
