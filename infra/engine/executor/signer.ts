import { signBody } from "../protocol/signing.ts";
import type { Answer, AppClient } from "./app-client.ts";

/**
 * Signs requests to apps. While signing keys are rotated an app may know only one of two: a request that it
 * refuses for its signature is signed with the other key, which is then the first choice for that app.
 */
export class Signer {
  readonly #keys: readonly string[];
  readonly #choice = new Map<string, number>();

  constructor(keys: readonly string[]) {
    this.#keys = keys;
  }

  /** Sends a body in canonical JSON, signed when there are keys. */
  async send(
    client: AppClient,
    url: string,
    body: string,
    headers: Record<string, string>,
    method: "POST" | "PUT" = "POST",
  ): Promise<Answer> {
    if (this.#keys.length === 0) return await client.send(method, url, body, headers);
    const { origin } = new URL(url);
    const first = this.#choice.get(origin) ?? 0;
    const signed = (at: number): Record<string, string> => ({
      ...headers,
      "x-inngest-signature": signBody(body, this.#keys[at] ?? "", Date.now()),
    });
    const answer = await client.send(method, url, body, signed(first));
    if (this.#keys.length === 1 || answer.kind !== "response" || answer.status !== 401) return answer;
    const second = await client.send(method, url, body, signed(1 - first));
    if (second.kind === "response" && second.status !== 401) this.#choice.set(origin, 1 - first);
    return second;
  }
}
