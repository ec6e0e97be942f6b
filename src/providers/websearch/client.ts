/**
 * Web search, by Brave's Search API: which pages speak of a company?
 *
 * Documents: api-dashboard.search.brave.com/documentation (quickstart, pricing) and api.search.brave.com/app/
 * documentation/web-search/response-headers, stored copies read 2026-11-22; codes of errors from memory of its answers.
 * Access: header X-Subscription-Token. Quota: 50 requests a second on the Search plan, and the plan's month; the
 * headers X-RateLimit-Remaining and -Reset tell both ("1, 1419704": seconds until each window starts anew). Price: $5
 * for 1,000 requests; only successful requests are counted and billed. See provider.ts.
 */
import { ProviderError } from "#src/platform/provider-error.ts";
import { createHttp, type RequestOptions } from "../http.ts";
import { errorCodeOf, readHits, type SearchHit } from "./schemas.ts";

export const WEBSEARCH = "websearch";

/** What any search provider must be able to do, to take Brave's place. */
export interface WebSearchClient {
  /**
   * Pages that fit the query, the best first, at most 10.
   * @throws ProviderError
   */
  search(query: string, options?: Pick<RequestOptions, "signal" | "onSent">): Promise<SearchHit[]>;
}

export interface BraveClientOptions {
  /** With the version: https://api.search.brave.com/res/v1. */
  baseUrl: string;
  apiKey: string;
  /** From sending to the last byte; default 15 s. */
  timeoutMs?: number;
}

/** Past these characters and words Brave refuses a query. */
const MAX_QUERY = 400;
const PAUSE_MS = 1_000;

export function createBraveClient({
  baseUrl,
  apiKey,
  timeoutMs = 15_000,
}: BraveClientOptions): WebSearchClient {
  const http = createHttp({
    provider: WEBSEARCH,
    baseUrl,
    timeoutMs,
    maxResponseBytes: 2 * 1024 * 1024,
    headers: { "x-subscription-token": apiKey },
  });
  return {
    async search(query, options) {
      // Romania is not among the countries that Brave can prefer; the language is.
      const params = {
        q: query.slice(0, MAX_QUERY),
        count: "10",
        search_lang: "ro",
        result_filter: "web",
        text_decorations: "false",
        spellcheck: "false",
      };
      const { status, body, retryAfterMs } = await http.getJson("web/search", params, {
        ...options,
        answers: [422, 429],
      });
      const code = errorCodeOf(body);
      if (status === 429) {
        // The same status for the second's limit, which passes, and for the month's, which does not.
        const kind = code?.startsWith("QUOTA") ? "spent" : "rate_limited";
        throw new ProviderError(WEBSEARCH, kind, {
          httpStatus: status,
          ...(kind === "rate_limited" ? { retryAfterMs: retryAfterMs ?? PAUSE_MS } : {}),
        });
      }
      if (status === 422) {
        const kind = code === "SUBSCRIPTION_TOKEN_INVALID" ? "unauthorized" : "rejected";
        throw new ProviderError(WEBSEARCH, kind, { httpStatus: status });
      }
      const hits = readHits(body);
      if (!hits) throw new ProviderError(WEBSEARCH, "bad_response", { httpStatus: status });
      return hits;
    },
  };
}
