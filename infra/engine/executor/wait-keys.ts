import { createHash } from "node:crypto";
import { type AstNode, evaluate, expressionProblem, syntaxOf } from "../expressions.ts";

/** Where an awaited event must have which value; found by index instead of by evaluating every wait. */
export interface WaitKey {
  path: string;
  matchKey: string;
}

/** For waits that any event of the name may match. */
export const NO_KEY: WaitKey = { path: "", matchKey: "" };

/** Why a wait's expression cannot be used, or null. */
export function waitProblem(expression: unknown): string | null {
  if (expression === undefined || expression === null) return null;
  return typeof expression === "string" ? expressionProblem(expression) : "is no text";
}

/**
 * The key of an expression that can be true only when one place in the incoming event (`async`) equals a value
 * known now: a term `async.a.b == <no async in here>`, alone or joined with others by `&&`.
 */
export function waitKey(expression: string | null, event: unknown): WaitKey {
  if (expression === null) return NO_KEY;
  for (const term of terms(syntaxOf(expression))) {
    if (term.op !== "==") continue;
    const [left, right] = term.args as [AstNode, AstNode];
    for (const [side, other] of [
      [left, right],
      [right, left],
    ] as const) {
      const path = asyncPath(side);
      if (!path || path.length === 0 || mentionsAsync(other)) continue;
      const matchKey = scalarKey(evaluate(other.source, { event }));
      if (matchKey !== null) return { path: JSON.stringify(path), matchKey };
    }
  }
  return NO_KEY;
}

/** The key that an event has at a path of `waitKey`; null when no wait can match it there. */
export function eventKey(path: string, event: unknown): string | null {
  if (path === "") return "";
  let value = event;
  for (const part of JSON.parse(path) as string[])
    value =
      typeof value === "object" && value !== null && Object.hasOwn(value, part)
        ? (value as Record<string, unknown>)[part]
        : null;
  return scalarKey(value ?? null);
}

function scalarKey(value: unknown): string | null {
  if (value === undefined || (typeof value === "object" && value !== null)) return null;
  const text = JSON.stringify(typeof value === "bigint" ? Number(value) : value);
  return createHash("sha1").update(text).digest("base64url").slice(0, 22);
}

function terms(node: AstNode): AstNode[] {
  return node.op === "&&" ? (node.args as AstNode[]).flatMap(terms) : [node];
}

function asyncPath(node: AstNode): string[] | null {
  if (node.op === "id") return node.args === "async" ? [] : null;
  if (node.op !== "." && node.op !== "[]") return null;
  const [object, key] = node.args as [AstNode, AstNode | string];
  const part = typeof key === "string" ? key : key.op === "value" ? key.args : null;
  const path = asyncPath(object);
  return path && typeof part === "string" ? [...path, part] : null;
}

function mentionsAsync(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(mentionsAsync);
  if (typeof node !== "object" || node === null || !("op" in node)) return false;
  const { op, args } = node as AstNode;
  return (op === "id" && args === "async") || mentionsAsync(args);
}
