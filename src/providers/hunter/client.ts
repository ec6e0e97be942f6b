/**
 * Hunter, API v2: e-mail addresses of a domain, and of a person at a domain.
 *
 * Document: hunter.io/api-documentation/v2; facts gathered 2026-11-22 (shared/providers/email-finding.md, section 1).
 * Access: header X-API-KEY. Quota: 15 requests a second and 500 a minute, per endpoint and key; nothing in the
 * answers tells how much is left. Price: one credit for an answer with addresses (a domain search: with up to 10 of
 * them), none for one without; see provider.ts.
 *
 * Its statuses are not the usual ones: 403 is "too fast" (without Retry-After), 429 is "no credit left in this
 * period", 451 is "this person has asked us not to process their address", 222 is "the mail server did not say, ask
 * later".
 */
import { ProviderError } from "#src/platform/provider-error.ts";
import { createHttp, type JsonAnswer, type RequestOptions } from "../http.ts";
import { type HunterDomain, type HunterFinding, readDomain, readFinding } from "./schemas.ts";

export const HUNTER = "hunter";

export interface HunterClientOptions {
  /** With the version: https://api.hunter.io/v2. */
  baseUrl: string;
  apiKey: string;
  /** From sending to the last byte; default 30 s. */
  timeoutMs?: number;
}

/** Somebody at a domain. Personal data. */
export interface HunterPerson {
  firstName: string;
  lastName: string;
  domain: string;
}

type Options = Pick<RequestOptions, "signal" | "onSent">;

/** All throw ProviderError. */
export interface HunterClient {
  /** The addresses that Hunter knows at a domain, at most 10. */
  domainSearch(domain: string, options?: Options): Promise<HunterDomain>;
  /** The address of a person; null: not found, and not charged. */
  findEmail(person: HunterPerson, options?: Options): Promise<HunterFinding | null>;
  /** Resolves when Hunter can be reached and accepts the key. Free. */
  checkAccount(options?: Options): Promise<void>;
}

/** After a 403: which of its two windows is full is not said. */
const PAUSE_MS = 5_000;
const LATER_MS = 60_000;
/** What Hunter may take to look for an address, in seconds; its own default is 10. */
const MAX_DURATION = "20";

export function createHunterClient({
  baseUrl,
  apiKey,
  timeoutMs = 30_000,
}: HunterClientOptions): HunterClient {
  const http = createHttp({
    provider: HUNTER,
    baseUrl,
    timeoutMs,
    maxResponseBytes: 1024 * 1024,
    headers: { "x-api-key": apiKey },
  });

  async function get(path: string, query: Record<string, string>, options?: Options): Promise<JsonAnswer> {
    const answer = await http.getJson(path, query, { ...options, answers: [403, 429, 451] });
    const { status: httpStatus } = answer;
    if (httpStatus === 403) {
      throw new ProviderError(HUNTER, "rate_limited", { httpStatus, retryAfterMs: PAUSE_MS });
    }
    if (httpStatus === 429) throw new ProviderError(HUNTER, "spent", { httpStatus });
    if (httpStatus === 222) {
      const detail = "the mail server did not answer";
      throw new ProviderError(HUNTER, "unavailable", {
        httpStatus,
        detail,
        retryAfterMs: LATER_MS,
        charged: false,
      });
    }
    return answer;
  }

  return {
    async domainSearch(domain, options) {
      const { status, body } = await get("domain-search", { domain, limit: "10" }, options);
      const answer = status === 451 ? { emails: [], returned: 0 } : readDomain(body, domain);
      if (!answer) throw new ProviderError(HUNTER, "bad_response", { httpStatus: status });
      return answer;
    },

    async findEmail({ firstName, lastName, domain }, options) {
      const query = { domain, first_name: firstName, last_name: lastName, max_duration: MAX_DURATION };
      const { status, body } = await get("email-finder", query, options);
      if (status === 451) return { claimed: true };
      const email = readFinding(body, domain);
      if (!email) throw new ProviderError(HUNTER, "bad_response", { httpStatus: status });
      return email === "none" ? null : { claimed: false, email };
    },

    async checkAccount(options) {
      await get("account", {}, options);
    },
  };
}
