/**
 * Twilio Lookup v2: is a phone number valid, and of what type is its line?
 *
 * Document: twilio.com/docs/lookup/v2-api and its OpenAPI; facts gathered 2026-11-22 (shared/providers/phone-web.md,
 * section 1). Access: HTTP Basic with an API key's SID and secret. Quota: concurrency, of a size that Twilio does not
 * publish; past it 429 with code 20429 (never processed), 60616 (the package's rate), 60626 (this number too often),
 * 60611 (the package's quota). Price: see provider.ts; the free validation of a number comes with it.
 *
 * An invalid number is HTTP 200 with `valid: false`, and a look-up that failed is HTTP 200 with an `error_code`.
 */
import { ProviderError } from "#src/platform/provider-error.ts";
import { createHttp, type RequestOptions } from "../http.ts";
import { errorCodeOf, readLine, type TwilioLine } from "./schemas.ts";

export const TWILIO = "twilio";

export interface TwilioClientOptions {
  /** Up to the version: https://lookups.twilio.com. */
  baseUrl: string;
  apiKeySid: string;
  apiKeySecret: string;
  /** From sending to the last byte; default 15 s. */
  timeoutMs?: number;
}

export interface TwilioClient {
  /**
   * The line behind a number (E.164).
   * @throws ProviderError
   */
  lineType(e164: string, options?: Pick<RequestOptions, "signal" | "onSent">): Promise<TwilioLine>;
  /** Whether it answers us: validates a number of Twilio's own, which is free. @throws ProviderError */
  check(options?: Pick<RequestOptions, "signal">): Promise<void>;
}

/** For tests, by Twilio's documents: it belongs to nobody. */
const OWN_NUMBER = "+15005550006";
const QUOTA = 60_611;
const SAME_NUMBER_TOO_OFTEN = 60_626;
const PAUSE_MS = 1_000;
const LATER_MS = 60_000;

export function createTwilioClient({
  baseUrl,
  apiKeySid,
  apiKeySecret,
  timeoutMs = 15_000,
}: TwilioClientOptions): TwilioClient {
  const http = createHttp({
    provider: TWILIO,
    baseUrl,
    timeoutMs,
    maxResponseBytes: 64 * 1024,
    headers: {
      authorization: `Basic ${Buffer.from(`${apiKeySid}:${apiKeySecret}`).toString("base64")}`,
    },
  });
  return {
    async lineType(e164, options) {
      const path = `v2/PhoneNumbers/${encodeURIComponent(e164)}`;
      const query = { Fields: "line_type_intelligence" };
      const answer = await http.getJson(path, query, { ...options, answers: [404, 429] });
      const { status: httpStatus, body } = answer;
      if (httpStatus === 429) throw tooMany(errorCodeOf(body), answer.retryAfterMs);
      // Not a number that could be looked up at all.
      if (httpStatus === 404) return { valid: false, type: "unknown", carrier: null, lookedUp: false };
      const line = readLine(body);
      if (!line) throw new ProviderError(TWILIO, "bad_response", { httpStatus });
      return line;
    },
    async check(options) {
      await http.getJson(`v2/PhoneNumbers/${encodeURIComponent(OWN_NUMBER)}`, {}, options);
    },
  };
}

function tooMany(code: number | null, retryAfterMs: number | undefined): ProviderError {
  if (code === QUOTA) return new ProviderError(TWILIO, "spent", { httpStatus: 429, detail: `code ${code}` });
  return new ProviderError(TWILIO, "rate_limited", {
    httpStatus: 429,
    retryAfterMs: retryAfterMs ?? (code === SAME_NUMBER_TOO_OFTEN ? LATER_MS : PAUSE_MS),
    ...(code === null ? {} : { detail: `code ${code}` }),
  });
}
