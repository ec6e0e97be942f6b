/**
 * listafirme.ro: Romanian company data, API v3.
 *
 * Document: listafirme.ro/specificatii/api-info-v3.asp, as public clients use it; facts gathered 2026-11-22
 * (shared/providers/romanian-registries.md, section 6), prices of fields from the page on v1.
 * Access: an API key, with an annual plan. Quota: 10 requests a second is what project plans say; the only sign that
 * the vendor gives is the error API_BUSY_RETRY, after which clients wait 150 ms.
 * Price: in credits ("views"), for each field that is returned; an answer says what it `cost`.
 */
import { ProviderError } from "#src/platform/provider-error.ts";
import { createHttp } from "#src/providers/http.ts";
import { type ListafirmeCompany, readAnswer } from "./schemas.ts";

export const LISTAFIRME = "listafirme";

export interface ListafirmeClientOptions {
  /** Up to where `/api` begins. */
  baseUrl: string;
  apiKey: string;
  /** From sending to the last byte; default 30 s. */
  timeoutMs?: number;
}

export interface ListafirmeResult {
  company: ListafirmeCompany;
  /** What it cost; null: not said. */
  credits: number | null;
}

export interface ListafirmeClient {
  /**
   * One company; null when listafirme.ro does not know it.
   * @param onSent called when the request has been written to the wire
   * @throws ProviderError
   */
  company(
    cui: number,
    options?: { signal?: AbortSignal; onSent?: () => void },
  ): Promise<ListafirmeResult | null>;
}

const BUSY_PAUSE_MS = 150;

export function createListafirmeClient({
  baseUrl,
  apiKey,
  timeoutMs = 30_000,
}: ListafirmeClientOptions): ListafirmeClient {
  const http = createHttp({
    provider: LISTAFIRME,
    baseUrl,
    timeoutMs,
    maxResponseBytes: 512 * 1024,
    headers: { "user-agent": "Cerniq/0.1" },
  });
  return {
    async company(cui, options) {
      // Each field costs: only what we use. "latest": the last year alone.
      const wanted = { TaxCode: String(cui), Status: "", Balance: "latest" };
      const form = { key: apiKey, data: JSON.stringify(wanted) };
      const { status, body } = await http.postForm("api/info-v3.asp", form, options);
      const answer = readAnswer(body, cui);
      if (answer.status === "not_found") return null;
      if (answer.status === "error") {
        const retryAfterMs = answer.kind === "rate_limited" ? BUSY_PAUSE_MS : undefined;
        throw new ProviderError(LISTAFIRME, answer.kind, { httpStatus: status, retryAfterMs });
      }
      return { company: answer.company, credits: answer.credits };
    },
  };
}
