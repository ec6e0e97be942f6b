/** What can go wrong when we ask a provider, in the words that the retry rules are written in. */
import { AppError } from "#src/domain/errors.ts";

/**
 * - `rate_limited`: too fast for the provider, or for our own limiter: come back after `retryAfterMs`.
 * - `spent`: the account's credit or plan quota is used up: asking again today is in vain.
 * - `unauthorized`: no or wrong key. - `not_found`: this resource does not exist.
 * - `rejected`: the provider understood the request and refuses it. - `bad_response`: an answer we cannot read.
 * - `unavailable`: no answer, a server error or a maintenance page: worth asking again.
 */
export type ProviderErrorKind =
  | "rate_limited"
  | "spent"
  | "unauthorized"
  | "not_found"
  | "rejected"
  | "unavailable"
  | "bad_response";

export interface ProviderErrorOptions {
  /** Milliseconds to wait before asking again; undefined: the caller's own schedule. */
  retryAfterMs?: number | undefined;
  /** Status of the answer, where there was one. A `rate_limited` without it comes from our own limiter. */
  httpStatus?: number | null;
  /** Whether the provider has charged for it, where the client knows; undefined: it may have. */
  charged?: boolean | undefined;
  /** A few words on what happened, such as "timed out". Never a body, a URL or a name. */
  detail?: string;
  cause?: unknown;
}

const SENTENCES: Record<ProviderErrorKind, string> = {
  rate_limited: "asks for fewer requests",
  spent: "has no credit left for us",
  unauthorized: "does not accept our credentials",
  not_found: "has no such resource",
  rejected: "refused the request",
  unavailable: "is not available",
  bad_response: "answered in a form we cannot read",
};

/** After these nothing was done, and nothing has to be paid, unless the client knows better. */
const REFUSALS: ReadonlySet<ProviderErrorKind> = new Set([
  "rate_limited",
  "spent",
  "unauthorized",
  "not_found",
  "rejected",
]);

/** A request to a provider that brought no answer. The message holds no body and no personal data. */
export class ProviderError extends AppError {
  readonly provider: string;
  readonly kind: ProviderErrorKind;
  readonly retryAfterMs: number | undefined;
  readonly httpStatus: number | null;
  readonly charged: boolean | undefined;
  readonly detail: string | undefined;

  constructor(provider: string, kind: ProviderErrorKind, options: ProviderErrorOptions = {}) {
    const status = options.httpStatus ? ` (HTTP ${options.httpStatus})` : "";
    const detail = options.detail ? `: ${options.detail}` : "";
    super(`provider_${kind}`, `${provider} ${SENTENCES[kind]}${status}${detail}.`, { cause: options.cause });
    this.provider = provider;
    this.kind = kind;
    this.retryAfterMs = options.retryAfterMs;
    this.httpStatus = options.httpStatus ?? null;
    this.charged = options.charged ?? (REFUSALS.has(kind) ? false : undefined);
    this.detail = options.detail;
  }

  /** Whether the same request may succeed later. */
  get retryable(): boolean {
    return this.kind === "rate_limited" || this.kind === "unavailable";
  }
}
