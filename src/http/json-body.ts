/** Reads a request's JSON, within limits: of bytes, of time, of depth. */
import { RequestError } from "./errors.ts";

export interface BodyLimits {
  maxBytes: number;
  /** From now to the last byte: who sends slower is not waited for. */
  timeoutMs: number;
  /** Arrays and objects within each other. */
  maxDepth: number;
}

export const JSON_LIMITS: BodyLimits = { maxBytes: 1_048_576, timeoutMs: 30_000, maxDepth: 32 };

/**
 * The text of a JSON body and what it says; undefined for an empty one.
 * @throws RequestError when it is too large, too slow, too deep, compressed, or no JSON
 */
export async function readJson(
  request: Request,
  limits: BodyLimits,
): Promise<{ text: string; value: unknown }> {
  refuseEncoded(request);
  const text = await readText(request, limits);
  if (text === "") return { text, value: undefined };
  if (depthOf(text) > limits.maxDepth) {
    throw new RequestError(
      400,
      "json_too_deep",
      `The request's JSON goes deeper than ${limits.maxDepth} levels.`,
    );
  }
  try {
    return { text, value: JSON.parse(text) };
  } catch {
    throw new RequestError(400, "not_json", "The request's body is not JSON: send a JSON object.");
  }
}

/** @throws RequestError for a compressed body: a few bytes of it could become any number */
export function refuseEncoded(request: Request): void {
  const encoding = request.headers.get("content-encoding") ?? "identity";
  if (encoding.toLowerCase() === "identity") return;
  throw new RequestError(415, "unsupported_encoding", "Send the body as it is, without a Content-Encoding.");
}

async function readText(request: Request, limits: BodyLimits): Promise<string> {
  return new TextDecoder().decode(await readBytes(request, limits));
}

/**
 * The body's bytes, as they came in.
 * @throws RequestError when it is too large or too slow
 */
export async function readBytes(
  request: Request,
  { maxBytes, timeoutMs }: Pick<BodyLimits, "maxBytes" | "timeoutMs">,
): Promise<Buffer> {
  const tooLarge = () =>
    new RequestError(413, "body_too_large", `The body may have ${maxBytes} bytes at most.`);
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge();
  if (!request.body) return Buffer.alloc(0);
  const reader = request.body.getReader();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(
      new RequestError(408, "body_too_slow", `The body did not come within ${timeoutMs / 1_000} s.`),
    );
  }, timeoutMs);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), late.promise]);
      if (done) return Buffer.concat(parts);
      bytes += value.length;
      if (bytes > maxBytes) throw tooLarge();
      parts.push(value);
    }
  } catch (error) {
    // What still comes is nobody's: the server closes the connection over it.
    reader.cancel().catch(() => {});
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** How deep arrays and objects lie within each other, told by brackets outside of strings: before anything is built. */
function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let index = 0; index < json.length; index++) {
    const character = json[index];
    if (character === '"') inString = !inString;
    else if (inString) {
      if (character === "\\") index += 1;
    } else if (character === "[" || character === "{") deepest = Math.max(deepest, ++depth);
    else if (character === "]" || character === "}") depth -= 1;
  }
  return deepest;
}
