/**
 * ZeroBounce, API v2: can mail be delivered to an address?
 *
 * Document: zerobounce.net/docs; facts gathered 2026-11-22 (shared/providers/email-finding.md, section 4).
 * Access: the key is a parameter (of the URL, for GET): URLs must never be logged, and our errors hold none. Host: the
 * European one, because these are addresses of people in the EU. Quota: `validate` 80,000 in 10 s, then a block of a
 * minute; `validatebatch` 30 requests a minute of up to 100 addresses, then a block of ten; no Retry-After. Price: one
 * credit an address, none for `unknown`; see provider.ts. A repeated request is charged again.
 *
 * 403 is its "API Shield": we are to wait, and the key is all right. A wrong key and spent credit are one sentence in an
 * answer with status 200.
 */
import { ProviderError } from "#src/platform/provider-error.ts";
import { createHttp, type JsonAnswer, type RequestOptions } from "../http.ts";
import { readBatch, readCredits, readRefusal, readResult, type ZeroBounceResult } from "./schemas.ts";

export const ZEROBOUNCE = "zerobounce";
export const MAX_ADDRESSES = 100;

export interface ZeroBounceClientOptions {
  /** With the version: https://api-eu.zerobounce.net/v2. */
  baseUrl: string;
  apiKey: string;
  /** From sending to the last byte, of one address and of a batch; default 40 s and 120 s. */
  timeoutMs?: number;
  batchTimeoutMs?: number;
}

type Options = Pick<RequestOptions, "signal" | "onSent">;

/** All throw ProviderError. */
export interface ZeroBounceClient {
  validate(email: string, options?: Options): Promise<ZeroBounceResult>;
  /** 1 to 100 addresses. One that is missing in the answer was not validated. */
  validateBatch(emails: readonly string[], options?: Options): Promise<Map<string, ZeroBounceResult>>;
  /** Resolves when ZeroBounce can be reached, accepts the key, and has credit for us. Free. */
  checkAccount(options?: Options): Promise<void>;
}

const BLOCK_MS = { validate: 60_000, validatebatch: 600_000 };
/** Seconds that ZeroBounce may ask a mail server for, after which it says `unknown`. */
const MAIL_SERVER_SECONDS = "30";

export function createZeroBounceClient({
  baseUrl,
  apiKey,
  timeoutMs = 40_000,
  batchTimeoutMs = 120_000,
}: ZeroBounceClientOptions): ZeroBounceClient {
  const common = { provider: ZEROBOUNCE, baseUrl, maxResponseBytes: 1024 * 1024 };
  const http = createHttp({ ...common, timeoutMs });
  const batchHttp = createHttp({ ...common, timeoutMs: batchTimeoutMs });

  async function send(path: keyof typeof BLOCK_MS, request: () => Promise<JsonAnswer>): Promise<unknown> {
    const { body } = await request().catch((error: unknown) => {
      throw asBlock(error, BLOCK_MS[path]);
    });
    const reason = readRefusal(body);
    if (reason !== null) throw await refusalFor(reason);
    return body;
  }

  /** Credits left; -1 for a wrong key; null for an answer that is none. */
  async function credits(options?: Options): Promise<number | null> {
    return readCredits((await http.getJson("getcredits", { api_key: apiKey }, options)).body);
  }

  async function refusalFor(reason: string): Promise<ProviderError> {
    if (!/\bkey\b|credit/i.test(reason))
      return new ProviderError(ZEROBOUNCE, "rejected", { httpStatus: 200 });
    // One sentence for two things. The balance tells them apart, and costs nothing.
    const isWrongKey = (await credits().catch(() => null)) === -1;
    return new ProviderError(ZEROBOUNCE, isWrongKey ? "unauthorized" : "spent", { httpStatus: 200 });
  }

  return {
    async validate(email, options) {
      // The document wants the parameter ip_address, though it may be empty.
      const query = { api_key: apiKey, email, ip_address: "", timeout: MAIL_SERVER_SECONDS };
      const result = readResult(await send("validate", () => http.getJson("validate", query, options)));
      if (result?.address !== email) throw new ProviderError(ZEROBOUNCE, "bad_response", { httpStatus: 200 });
      return result;
    },

    async validateBatch(emails, options) {
      if (emails.length < 1 || emails.length > MAX_ADDRESSES) {
        const detail = `1 to ${MAX_ADDRESSES} addresses a request, not ${emails.length}`;
        throw new ProviderError(ZEROBOUNCE, "rejected", { detail });
      }
      const email_batch = emails.map((email) => ({ email_address: email, ip_address: null }));
      const question = { api_key: apiKey, email_batch };
      const results = readBatch(
        await send("validatebatch", () => batchHttp.postJson("validatebatch", question, options)),
      );
      if (!results) throw new ProviderError(ZEROBOUNCE, "bad_response", { httpStatus: 200 });
      return results;
    },

    async checkAccount(options) {
      const left = await credits(options);
      const httpStatus = 200;
      if (left === null) throw new ProviderError(ZEROBOUNCE, "bad_response", { httpStatus });
      if (left < 0) throw new ProviderError(ZEROBOUNCE, "unauthorized", { httpStatus });
      if (left === 0) throw new ProviderError(ZEROBOUNCE, "spent", { httpStatus });
    },
  };
}

/** 403 and 429, whatever page comes with them, are blocks that end. */
function asBlock(error: unknown, blockMs: number): unknown {
  if (!(error instanceof ProviderError)) return error;
  const { httpStatus, retryAfterMs = blockMs } = error;
  if (httpStatus !== 403 && httpStatus !== 429) return error;
  return new ProviderError(ZEROBOUNCE, "rate_limited", { httpStatus, retryAfterMs });
}
