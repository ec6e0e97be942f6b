/**
 * openapi.ro: identification data of Romanian companies.
 *
 * Document: openapi.ro, as public clients use it; facts gathered 2026-11-22
 * (shared/providers/romanian-registries.md, section 7).
 * Access: an API key. Price: none on the free plan (0 micro-euros). Quota: 100 requests a month for the account on that
 * plan; a limit per second is not known. How the API says that the month's requests are used up is not known either:
 * a 429 is taken for that, unless it says to come back soon.
 */
import { ProviderError } from "#src/platform/provider-error.ts";
import { createHttp } from "#src/providers/http.ts";
import { type OpenapiRoCompany, readCompany } from "./schemas.ts";

export const OPENAPI_RO = "openapi-ro";

export interface OpenapiRoClientOptions {
  /** Up to where `/api` begins. */
  baseUrl: string;
  apiKey: string;
  /** From sending to the last byte; default 15 s. */
  timeoutMs?: number;
}

export interface OpenapiRoClient {
  /**
   * One company; null when openapi.ro does not know it.
   * @param onSent called when the request has been written to the wire
   * @throws ProviderError
   */
  company(
    cui: number,
    options?: { signal?: AbortSignal; onSent?: () => void },
  ): Promise<OpenapiRoCompany | null>;
}

const PAYMENT_REQUIRED = 402;
const NOT_FOUND = 404;
/** A limit per second or minute passes within this time; a month's quota does not. */
const SOON_MS = 3_600_000;

export function createOpenapiRoClient({
  baseUrl,
  apiKey,
  timeoutMs = 15_000,
}: OpenapiRoClientOptions): OpenapiRoClient {
  const http = createHttp({
    provider: OPENAPI_RO,
    baseUrl,
    timeoutMs,
    maxResponseBytes: 128 * 1024,
    headers: { "x-api-key": apiKey, "user-agent": "Cerniq/0.1" },
  });
  return {
    async company(cui, options) {
      const answers = [PAYMENT_REQUIRED, NOT_FOUND];
      const { status, body } = await http
        .getJson(`api/companies/${cui}`, {}, { ...options, answers })
        .catch(tellQuota);
      if (status === NOT_FOUND) return null;
      if (status === PAYMENT_REQUIRED) throw new ProviderError(OPENAPI_RO, "spent", { httpStatus: status });
      const company = readCompany(body, cui);
      if (!company) throw new ProviderError(OPENAPI_RO, "bad_response", { httpStatus: status });
      return company;
    },
  };
}

function tellQuota(error: unknown): never {
  if (!(error instanceof ProviderError) || error.kind !== "rate_limited") throw error;
  const { retryAfterMs, httpStatus } = error;
  if (retryAfterMs !== undefined && retryAfterMs <= SOON_MS) throw error;
  throw new ProviderError(OPENAPI_RO, "spent", { httpStatus, cause: error });
}
