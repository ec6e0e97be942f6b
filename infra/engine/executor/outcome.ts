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
  const signature = headerOf(answer.headers, "x-inngest-signature");
  const signed = signingKeys.length > 0 && (answer.status === 200 || answer.status === 206);
  if (signed && !verifyBody(answer.body, signature, signingKeys, nowMs))
    return plainError("The app's answer is not signed with the signing key.");
  const versionHeader = headerOf(answer.headers, "x-inngest-req-version");
  let { status, body, headers } = answer;
  if (status === 201) {
    // A streamed answer: the real one is inside, once the stream has ended.
    const inner = parseJson(body) as Partial<Response> | undefined;
    if (typeof inner?.status !== "number") return plainError("The app's stream ended without an answer.");
    ({ status, body = "", headers = {} } = inner);
  }
  const parsed = parseJson(body);
  const retryAfterMs = parseRetryAfterMs(headerOf(headers, "retry-after"), nowMs);
  if (status === 200) {
    if (parsed === undefined)
      return plainError("The app answered with a body that is no JSON.", retryAfterMs);
    return { kind: "complete", output: canonicalJson(parsed) };
  }
  if (status === 206) {
    const ops = parsed === undefined ? null : parseOps(parsed);
    if (!ops) return plainError("The app answered with steps that cannot be read.", retryAfterMs);
    const version = versionHeader ? Number(versionHeader) : Number.NaN;
    return { kind: "ops", ops, version: Number.isInteger(version) ? version : null, retryAfterMs };
  }
  const retriable = headerOf(headers, "x-inngest-no-retry") !== "true";
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed))
    return { kind: "error", error: canonicalJson(parsed), retriable, retryAfterMs };
  return plainError(`The app answered with HTTP status ${status}.`, retryAfterMs, retriable);
}

/** An error that the engine itself reports, in the shape of the SDK's. */
export function plainError(
  message: string,
  retryAfterMs: number | null = null,
  retriable = true,
): Extract<Outcome, { kind: "error" }> {
  const error = canonicalJson({ message, name: "Error", stack: `Error: ${message}` });
  return { kind: "error", error, retriable, retryAfterMs };
}

/** A header by its name in lower case; the headers inside a stream may be written in any. */
function headerOf(headers: Response["headers"], name: string): string | undefined {
  const found = headers[name] ?? Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  return Array.isArray(found) ? found[0] : found;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
