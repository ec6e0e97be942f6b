/**
 * ScrapingBee: a page as a browser shows it, for sites that show others nothing.
 *
 * Document: scrapingbee.com/documentation; facts gathered 2026-11-22 (shared/providers/phone-web.md, section 3; what
 * is charged, the statuses and the shape of `json_response` from memory). Access: parameter api_key. Quota:
 * concurrency by plan, 5 at least; past it 429. Price: 5 credits for a page with JavaScript, charged for 200 and for
 * the site's own 404; 401 is "no credits left" as well as "wrong key"; 500 is "could not fetch it", not charged.
 */
import { ProviderError } from "#src/platform/provider-error.ts";
import { createHttp, type RequestOptions } from "../http.ts";
import { hasCreditsLeft, messageOf, type RenderedPage, readRendered } from "./schemas.ts";

export const SCRAPINGBEE = "scrapingbee";

export interface ScrapingBeeClientOptions {
  /** Up to the version: https://app.scrapingbee.com/api. */
  baseUrl: string;
  apiKey: string;
  /** From sending to the last byte; default 60 s: it tries for 30 s itself. */
  timeoutMs?: number;
}

export interface ScrapingBeeClient {
  /**
   * Null: the site has no such page, which is charged all the same.
   * @throws ProviderError
   */
  render(url: string, options?: Pick<RequestOptions, "signal" | "onSent">): Promise<RenderedPage | null>;
  /** Whether it answers us and has credits left, for free. @throws ProviderError, `spent` without credits */
  check(options?: Pick<RequestOptions, "signal">): Promise<void>;
}

const MAX_BYTES = 8 * 1024 * 1024;
const PAUSE_MS = 2_000;

export function createScrapingBeeClient({
  baseUrl,
  apiKey,
  timeoutMs = 60_000,
}: ScrapingBeeClientOptions): ScrapingBeeClient {
  const http = createHttp({ provider: SCRAPINGBEE, baseUrl, timeoutMs, maxResponseBytes: MAX_BYTES });
  return {
    async render(url, options) {
      const query = {
        api_key: apiKey,
        url,
        render_js: "true",
        block_resources: "true",
        json_response: "true",
      };
      const answer = await http.getJson("v1/", query, { ...options, answers: [401, 404, 429, 500] });
      const { status: httpStatus, body } = answer;
      switch (httpStatus) {
        case 401: {
          const kind = /invalid|not found|wrong|missing/i.test(messageOf(body)) ? "unauthorized" : "spent";
          throw new ProviderError(SCRAPINGBEE, kind, { httpStatus });
        }
        case 404:
          return null;
        case 429:
          throw new ProviderError(SCRAPINGBEE, "rate_limited", {
            httpStatus,
            retryAfterMs: answer.retryAfterMs ?? PAUSE_MS,
          });
        case 500:
          throw new ProviderError(SCRAPINGBEE, "unavailable", {
            httpStatus,
            detail: "the page could not be fetched",
            charged: false,
          });
      }
      const page = readRendered(body, url);
      if (!page) throw new ProviderError(SCRAPINGBEE, "bad_response", { httpStatus });
      return page;
    },
    async check(options) {
      const { status, body } = await http.getJson("v1/usage", { api_key: apiKey }, options);
      if (!hasCreditsLeft(body)) throw new ProviderError(SCRAPINGBEE, "spent", { httpStatus: status });
    },
  };
}
