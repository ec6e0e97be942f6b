import { canonicalJson } from "../protocol/canonical-json.ts";
import { parseRetryAfterMs } from "../protocol/durations.ts";
import { type Op, parseOps } from "../protocol/ops.ts";
import { verifyBody } from "../protocol/signing.ts";
import type { Answer } from "./app-client.ts";

/** What an answer says, before it is applied to the run. */
export type Outcome =
  | { kind: "complete"; output: string }
  | { kind: "ops"; ops: Op[]; version: number | null; retryAfterMs: number | null }
  | { kind: "error"; error: string; retriable: boolean; retryAfterMs: number | null };

type Response = Extract<Answer, { kind: "response" }>;

/**
 * Reads the SDK's answer: 200 is the function's return value, 206 a list of ops, anything else an error, which
 * `x-inngest-no-retry` can make final. With signing keys an answer whose signature is wrong is an error too.
 */
export function readAnswer(answer: Response, signingKeys: string[], nowMs: number): Outcome {
  const header = (name: string): string | undefined => [answer.headers[name]].flat()[0];
  let { status, body } = answer;
  let headers: Record<string, string | undefined> = {
    noRetry: header("x-inngest-no-retry"),
    retryAfter: header("retry-after"),
    version: header("x-inngest-req-version"),
  };
  const signed = signingKeys.length > 0 && (status === 200 || status === 206);
  if (signed && !verifyBody(body, header("x-inngest-signature"), signingKeys, nowMs)) {
    return plainError("The app's answer is not signed with the signing key.", true, null);
  }
  let parsed = parseJson(body);
  if (status === 201) {
    // A streamed answer: the real one is inside, once the stream has ended.
    const inner = parsed as { status?: number; headers?: Record<string, string>; body?: string } | undefined;
    if (typeof inner?.status !== "number")
      return plainError("The app's stream ended without an answer.", true, null);
    status = inner.status;
    body = inner.body ?? "";
    const innerHeaders = inner.headers ?? {};
    headers = {
      noRetry: innerHeaders["x-inngest-no-retry"] ?? innerHeaders["X-Inngest-No-Retry"],
      retryAfter: innerHeaders["retry-after"] ?? innerHeaders["Retry-After"],
      version: headers.version,
    };
    parsed = parseJson(body);
  }
  const retryAfterMs = parseRetryAfterMs(headers.retryAfter, nowMs);
  if (status === 200) {
    if (parsed === undefined)
      return plainError("The app answered with a body that is no JSON.", true, retryAfterMs);
    return { kind: "complete", output: canonicalJson(parsed) };
  }
  if (status === 206) {
    const ops = parsed === undefined ? null : parseOps(parsed);
    if (!ops) return plainError("The app answered with steps that cannot be read.", true, retryAfterMs);
    const version = Number(headers.version);
    return {
      kind: "ops",
      ops,
      version: Number.isInteger(version) && headers.version ? version : null,
      retryAfterMs,
    };
  }
  const retriable = headers.noRetry !== "true";
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) {
    return { kind: "error", error: canonicalJson(parsed), retriable, retryAfterMs };
  }
  return plainError(`The app answered with HTTP status ${status}.`, retriable, retryAfterMs);
}

/** An error that the engine itself reports, in the shape of the SDK's. */
export function plainError(message: string, retriable: boolean, retryAfterMs: number | null): Outcome {
  return {
    kind: "error",
    error: canonicalJson({ message, name: "Error", stack: `Error: ${message}` }),
    retriable,
    retryAfterMs,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
