/**
 * ANAF, the Romanian tax authority: VAT and taxpayer data, service v9, synchronous.
 *
 * Document: static.anaf.ro/static/10/Anaf/Informatii_R/Servicii_web/doc_WS_V9.txt, as quoted by public clients;
 * facts gathered 2026-11-22 (shared/providers/romanian-registries.md, section 1).
 * Access: no key. Price: none (0 micro-euros). Quota: 100 tax ids a request and 1 request a second per client; past
 * that HTTP 429, or a connection reset, and "overload attempts are punished". A hundred ids take about 2,000 ms.
 * Days are ISO 8601 dates in Romania. A pure read: repeating it is harmless.
 */
import { ProviderError } from "#src/platform/provider-error.ts";
import { createHttp } from "#src/providers/http.ts";
import { type AnafAnswer, readAnswer } from "./schemas.ts";

export const ANAF = "anaf";
export const MAX_TAX_IDS = 100;

export interface AnafClientOptions {
  /** Up to where `/api/PlatitorTvaRest` begins. */
  baseUrl: string;
  /** From sending to the last byte; default 30 s. */
  timeoutMs?: number;
}

export interface AnafClient {
  /**
   * One request about 1 to 100 taxpayers as they stand on a day.
   * @param onSent called when the request has been written to the wire
   * @throws ProviderError; `rejected` for more than 100 tax ids
   */
  taxpayers(
    cuis: readonly number[],
    asOf: string,
    options?: { signal?: AbortSignal; onSent?: () => void },
  ): Promise<AnafAnswer>;
}

export function createAnafClient({ baseUrl, timeoutMs = 30_000 }: AnafClientOptions): AnafClient {
  const http = createHttp({
    provider: ANAF,
    baseUrl,
    timeoutMs,
    // A hundred records are about 200 KB.
    maxResponseBytes: 8 * 1024 * 1024,
    headers: { "user-agent": "Cerniq/0.1" },
  });
  return {
    async taxpayers(cuis, asOf, options) {
      if (cuis.length < 1 || cuis.length > MAX_TAX_IDS) {
        const detail = `1 to ${MAX_TAX_IDS} tax ids a request, not ${cuis.length}`;
        throw new ProviderError(ANAF, "rejected", { detail });
      }
      const question = cuis.map((cui) => ({ cui, data: asOf }));
      // "Nothing found" comes as 404 with the usual body.
      const { status, body } = await http.postJson("api/PlatitorTvaRest/v9/tva", question, {
        ...options,
        answers: [404],
      });
      const answer = readAnswer(body);
      if (!answer) throw new ProviderError(ANAF, "bad_response", { httpStatus: status });
      return answer;
    },
  };
}
