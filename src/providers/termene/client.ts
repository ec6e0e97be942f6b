/**
 * termene.ro: Romanian company data, API v2.
 *
 * Document: none is public. Facts gathered 2026-11-22 from public integrations, some checked against live answers
 * (shared/providers/romanian-registries.md, section 5).
 * Access: HTTP Basic, and a schema key made in the account, which decides what an answer holds. Quota: 20 requests a
 * second is what project plans say; no provider source has it. Errors come with a status other than 2xx and
 * `{ "errors": { "message" } }`; which statuses is not known: 401, 402, 403, 404 and 429 are taken by their meaning.
 * Price: by subscription; see provider.ts.
 */
import { ProviderError } from "#src/platform/provider-error.ts";
import { createHttp } from "#src/providers/http.ts";
import { readAnswer, type TermeneCompany } from "./schemas.ts";

export const TERMENE = "termene";

export interface TermeneClientOptions {
  /** Up to where `/v2` begins. */
  baseUrl: string;
  username: string;
  password: string;
  schemaKey: string;
  /** From sending to the last byte; default 20 s. */
  timeoutMs?: number;
}

export interface TermeneClient {
  /**
   * One company; null when termene.ro does not know it.
   * @param onSent called when the request has been written to the wire
   * @throws ProviderError
   */
  company(
    cui: number,
    options?: { signal?: AbortSignal; onSent?: () => void },
  ): Promise<TermeneCompany | null>;
}

const PAYMENT_REQUIRED = 402;
const NOT_FOUND = 404;

export function createTermeneClient({
  baseUrl,
  username,
  password,
  schemaKey,
  timeoutMs = 20_000,
}: TermeneClientOptions): TermeneClient {
  const credentials = Buffer.from(`${username}:${password}`, "utf8").toString("base64");
  const http = createHttp({
    provider: TERMENE,
    baseUrl,
    timeoutMs,
    // With all blocks of a large company a few hundred KB.
    maxResponseBytes: 4 * 1024 * 1024,
    headers: { authorization: `Basic ${credentials}`, "user-agent": "Cerniq/0.1" },
  });
  return {
    async company(cui, options) {
      const { status, body } = await http.postJson(
        "v2",
        { cui, schemaKey },
        { ...options, answers: [PAYMENT_REQUIRED, NOT_FOUND] },
      );
      if (status === PAYMENT_REQUIRED) throw new ProviderError(TERMENE, "spent", { httpStatus: status });
      if (status === NOT_FOUND) return null;
      const answer = readAnswer(body, cui);
      switch (answer.status) {
        case "found":
          return answer.company;
        case "not_found":
          return null;
        case "refused":
          throw new ProviderError(TERMENE, "rejected", { httpStatus: status });
        case "unreadable":
          throw new ProviderError(TERMENE, "bad_response", { httpStatus: status });
      }
    },
  };
}
