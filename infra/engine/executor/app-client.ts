import http from "node:http";
import https from "node:https";

/** What came of a call: an answer, an app that could not be reached, or a connection that died on the way. */
export type Answer =
  | { kind: "response"; status: number; headers: http.IncomingHttpHeaders; body: string }
  | { kind: "unreachable"; message: string }
  | { kind: "broken"; message: string }
  | { kind: "timeout"; message: string };

const UNREACHABLE = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EADDRNOTAVAIL",
]);

/** The largest answer that is read. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

/** A kept connection that the app had closed is found out within this time; later, the app may have begun to work. */
const STALE_MS = 50;

const AGENT = { keepAlive: true, maxSockets: 512, maxFreeSockets: 256 };

/** Sends requests to apps over connections that are kept open. Never throws. */
export class AppClient {
  readonly #http = new http.Agent(AGENT);
  readonly #https = new https.Agent(AGENT);
  readonly #timeoutMs: number;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** One request. A kept connection that the app had closed meanwhile is replaced by a new one, once. */
  async send(
    method: "POST" | "PUT",
    url: string,
    body: string,
    headers: Record<string, string>,
    fresh = false,
  ): Promise<Answer> {
    const secure = url.startsWith("https:");
    const request = (secure ? https : http).request(url, {
      method,
      agent: fresh ? false : secure ? this.#https : this.#http,
      headers: { ...headers, "content-length": Buffer.byteLength(body) },
    });
    const startedAtMs = Date.now();
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      request.destroy();
    }, this.#timeoutMs);
    let response: http.IncomingMessage | undefined;
    try {
      request.end(body);
      // What fails after the answer began fails its reading, too.
      response = await new Promise<http.IncomingMessage>((resolve, reject) => {
        request.on("response", resolve).on("error", reject);
      });
      const { statusCode: status = 0, headers: answered } = response;
      return { kind: "response", status, headers: answered, body: await readBody(response) };
    } catch (error) {
      if (timedOut) return { kind: "timeout", message: `no answer within ${this.#timeoutMs} ms` };
      const { code = "", message } = error as NodeJS.ErrnoException;
      const stale = code === "ECONNRESET" && request.reusedSocket && !response;
      if (stale && Date.now() - startedAtMs < STALE_MS)
        return await this.send(method, url, body, headers, true);
      return {
        kind: UNREACHABLE.has(code) ? "unreachable" : "broken",
        message: code ? `${code}: ${message}` : message,
      };
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }
}

/** By events: iterating over the chunks costs an eighth more CPU per call. */
function readBody(response: http.IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    response.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) response.destroy(new Error("the answer is larger than 32 MiB"));
      chunks.push(chunk);
    });
    response.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    response.on("error", reject);
  });
}
