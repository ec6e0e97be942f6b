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

/** Sends requests to apps over connections that are kept open. Never throws. */
export class AppClient {
  readonly #http = new http.Agent({ keepAlive: true, maxSockets: 512, maxFreeSockets: 256 });
  readonly #https = new https.Agent({ keepAlive: true, maxSockets: 512, maxFreeSockets: 256 });
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
  ): Promise<Answer> {
    const first = await this.#send(method, url, body, headers);
    return first === "stale" ? ((await this.#send(method, url, body, headers, true)) as Answer) : first;
  }

  #send(
    method: "POST" | "PUT",
    url: string,
    body: string,
    headers: Record<string, string>,
    fresh = false,
  ): Promise<Answer | "stale"> {
    return new Promise((resolve) => {
      const secure = url.startsWith("https:");
      const startedAt = Date.now();
      let answered = false;
      let timedOut = false;
      const request = (secure ? https : http).request(
        url,
        {
          method,
          agent: fresh ? false : secure ? this.#https : this.#http,
          headers: { ...headers, "content-length": Buffer.byteLength(body) },
        },
        (response) => {
          answered = true;
          const chunks: Buffer[] = [];
          let size = 0;
          response.on("data", (chunk: Buffer) => {
            size += chunk.length;
            if (size > MAX_BODY_BYTES) request.destroy(new Error("the answer is larger than 32 MiB"));
            else chunks.push(chunk);
          });
          response.on("end", () => {
            clearTimeout(timer);
            const status = response.statusCode ?? 0;
            resolve({
              kind: "response",
              status,
              headers: response.headers,
              body: Buffer.concat(chunks).toString("utf8"),
            });
          });
          response.on("aborted", () =>
            fail(new Error("the connection was closed before the answer was complete")),
          );
          response.on("error", fail);
        },
      );
      const fail = (error: Error & { code?: string }): void => {
        clearTimeout(timer);
        const message = error.code ? `${error.code}: ${error.message}` : error.message;
        if (error.code === "ECONNRESET" && request.reusedSocket && !answered && Date.now() - startedAt < 50)
          resolve("stale");
        else if (timedOut) resolve({ kind: "timeout", message: `no answer within ${this.#timeoutMs} ms` });
        else resolve({ kind: UNREACHABLE.has(error.code ?? "") ? "unreachable" : "broken", message });
      };
      const timer = setTimeout(() => {
        timedOut = true;
        request.destroy(new Error("timeout"));
      }, this.#timeoutMs);
      request.on("error", fail);
      request.end(body);
    });
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }
}
