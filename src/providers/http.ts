/**
 * JSON over HTTP for every provider. The only file that knows ky. It never retries (Inngest owns retries, and two
 * loops multiply), always has a timeout, and answers with either parsed JSON or a {@link ProviderError}.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { channel } from "node:diagnostics_channel";
import ky, { isNetworkError } from "ky";
import { ProviderError } from "#src/platform/provider-error.ts";

export interface HttpOptions {
  /** Name of the provider, for errors. */
  provider: string;
  /** Where it lives. A path in it is kept: requests go beneath it. */
  baseUrl: string;
  /** From the start of the request to the last byte of the answer. */
  timeoutMs: number;
  /** A larger answer is given up as `bad_response`. */
  maxResponseBytes: number;
  headers?: Record<string, string>;
}

export interface RequestOptions {
  signal?: AbortSignal;
  /** Statuses other than 2xx whose JSON body is an answer; 429 too, where its body says more than "too fast". */
  answers?: readonly number[];
  /** Whether no body at all is an answer too: `null`. */
  emptyIsNull?: boolean;
  /** Besides those of every request, such as a token that changes. */
  headers?: Record<string, string>;
  /**
   * Called once, as soon as the request has been written to the socket: this is the moment that a provider's
   * rate limit counts. Called at the latest when the answer or the failure is there.
   */
  onSent?: () => void;
}

export interface JsonAnswer {
  status: number;
  body: unknown;
  /** From Retry-After, where the answer has one. */
  retryAfterMs?: number | undefined;
}

/** All throw ProviderError; the signal's reason when the caller aborted. */
export interface Http {
  getJson(path: string, query?: Record<string, string>, options?: RequestOptions): Promise<JsonAnswer>;
  postJson(path: string, body: unknown, options?: RequestOptions): Promise<JsonAnswer>;
  /** Sends a form (application/x-www-form-urlencoded); the answer is JSON all the same. */
  postForm(path: string, form: Record<string, string>, options?: RequestOptions): Promise<JsonAnswer>;
}

export function createHttp({ provider, baseUrl, timeoutMs, maxResponseBytes, headers }: HttpOptions): Http {
  const client = ky.create({
    prefix: baseUrl,
    retry: 0,
    timeout: false, // ours below covers the body too
    throwHttpErrors: false,
    redirect: "manual",
    headers: { accept: "application/json", ...headers },
  });

  const outage = (detail: string, httpStatus: number | null, cause?: unknown, retryAfterMs?: number) =>
    new ProviderError(provider, "unavailable", {
      detail,
      httpStatus,
      cause,
      retryAfterMs,
    });

  const brokenOff = (cause: unknown) =>
    new ProviderError(provider, "unavailable", {
      detail: "the connection failed",
      cause,
      charged: isUnconnected(cause) ? false : undefined,
    });

  async function exchange(
    request: (signal: AbortSignal) => Promise<Response>,
    signal: AbortSignal,
    { answers = [], emptyIsNull = false }: RequestOptions,
  ): Promise<JsonAnswer> {
    const response = await request(signal);
    const { status } = response;
    const retryAfterMs = parseRetryAfter(response.headers.get("retry-after"), Date.now());
    if (status === 429 && !answers.includes(status)) {
      await response.body?.cancel();
      throw new ProviderError(provider, "rate_limited", { httpStatus: status, retryAfterMs });
    }
    const text = await readText(response, maxResponseBytes, provider);
    const answered = (status >= 200 && status < 300) || answers.includes(status);
    const parsed = emptyIsNull && text === "" ? { value: null } : parseJson(text);
    if (answered && parsed) return { status, body: parsed.value, retryAfterMs };
    if (status === 429)
      throw new ProviderError(provider, "rate_limited", { httpStatus: status, retryAfterMs });
    if (status === 401) throw new ProviderError(provider, "unauthorized", { httpStatus: status });
    if (status === 402) throw new ProviderError(provider, "spent", { httpStatus: status });
    if (status >= 500 || status === 408) throw outage("server error", status, undefined, retryAfterMs);
    // A firewall's or a maintenance page in HTML, whatever its status says: the provider itself did not answer.
    if (!parsed) throw outage("the answer is not JSON", status, undefined, retryAfterMs);
    if (status === 403) throw new ProviderError(provider, "unauthorized", { httpStatus: status });
    if (status === 404) throw new ProviderError(provider, "not_found", { httpStatus: status });
    throw new ProviderError(provider, "rejected", { httpStatus: status });
  }

  async function answerOf(
    request: (signal: AbortSignal) => Promise<Response>,
    options: RequestOptions = {},
  ): Promise<JsonAnswer> {
    const { signal, onSent } = options;
    const timeout = AbortSignal.timeout(timeoutMs);
    const sent = once(onSent);
    try {
      const either = signal ? AbortSignal.any([signal, timeout]) : timeout;
      return await sending.run({ sent }, () => exchange(request, either, options));
    } catch (error) {
      if (error instanceof ProviderError) throw error;
      signal?.throwIfAborted();
      if (timeout.aborted) throw outage(`no answer within ${timeoutMs} ms`, null, error);
      // ky's own message and request hold the URL, and with it what is asked about and, at some providers, the key.
      if (isNetworkError(error)) throw brokenOff(error.cause);
      if (isCutShort(error)) throw outage("the connection failed", null, error);
      throw error;
    } finally {
      sent();
    }
  }

  return {
    getJson: (path, searchParams = {}, options) =>
      answerOf((signal) => client.get(path, { searchParams, signal, ...headersOf(options) }), options),
    postJson: (path, json, options) =>
      answerOf((signal) => client.post(path, { json, signal, ...headersOf(options) }), options),
    postForm: (path, form, options) =>
      answerOf(
        (signal) => client.post(path, { body: new URLSearchParams(form), signal, ...headersOf(options) }),
        options,
      ),
  };
}

const headersOf = ({ headers }: RequestOptions = {}) => (headers ? { headers } : {});

/** Milliseconds asked for by a Retry-After header (seconds or an HTTP date; RFC 9110, 10.2.3), or undefined. */
export function parseRetryAfter(value: string | null, nowMs: number): number | undefined {
  const text = value?.trim() ?? "";
  if (/^\d+(\.\d+)?$/.test(text)) return Math.round(Number(text) * 1000);
  // Not everything that Date.parse takes: "-5" would be a year.
  const at = /[a-z]/i.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

async function readText(response: Response, maxBytes: number, provider: string): Promise<string> {
  if (!response.body) return "";
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    // Leaving the loop cancels the stream.
    if (bytes > maxBytes) {
      const detail = `more than ${maxBytes} bytes`;
      throw new ProviderError(provider, "bad_response", { httpStatus: response.status, detail });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseJson(text: string): { value: unknown } | null {
  try {
    return { value: JSON.parse(text.replace(/^\uFEFF/, "")) };
  } catch {
    return null;
  }
}

/** There never was a connection: nothing can have been asked, done or charged. */
function isUnconnected(error: unknown): boolean {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  if (cause !== undefined) return isUnconnected(cause);
  return ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"].includes(String(code));
}

/** fetch's way to say that the connection broke while the body came in. */
const isCutShort = (error: unknown) => error instanceof TypeError && error.message === "terminated";

function once(work: (() => void) | undefined): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    work?.();
  };
}

/**
 * When a request is really on the wire: fetch does not say, so listen to undici's diagnostics channels, which Node
 * documents for instrumentation (nodejs.org/api/diagnostics_channel, undici docs/api/DiagnosticsChannel). The request
 * is created in our async context; its sending may happen in the socket's.
 */
const sending = new AsyncLocalStorage<{ sent: () => void }>();
const underWay = new WeakMap<object, () => void>();

channel("undici:request:create").subscribe((message) => {
  const { request } = message as { request: object };
  const store = sending.getStore();
  if (store) underWay.set(request, store.sent);
});
channel("undici:request:bodySent").subscribe((message) => {
  const { request } = message as { request: object };
  underWay.get(request)?.();
});
