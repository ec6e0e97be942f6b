/**
 * Requests to URLs that come from data (a register's WEB column, a search result, a link on a page, a workspace's own
 * endpoint), which anybody may have written: they reach public addresses only. Every host is resolved first, every
 * address it has must be public, and the connection goes to exactly those addresses, so that a name cannot change its
 * mind in between (DNS rebinding). Each redirect is a new URL and is checked again. Time and bytes are capped, bytes
 * after decompression.
 *
 * node:http and not fetch, because a request's own `lookup` is what pins its addresses.
 */
import { lookup } from "node:dns/promises";
import http, { type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import https from "node:https";
import { isIP, type LookupFunction } from "node:net";
import type { Duplex } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import ipaddr from "ipaddr.js";
import { AppError } from "#src/domain/errors.ts";

/**
 * - `bad_url`: no URL that we fetch: not http(s), another port than 80 and 443, with credentials, without a host name.
 * - `forbidden_address`: the host is, or resolves to, an address that is not public.
 * - `unresolvable`: there is no such host. - `unreachable`: no connection, or it broke; a certificate that is wrong.
 * - `too_many_redirects`, `too_large`, `timeout`: past the request's caps.
 * - `wrong_type`: not a content type that was asked for, or an encoding that we do not know.
 */
export type SafeFetchReason =
  | "bad_url"
  | "forbidden_address"
  | "unresolvable"
  | "unreachable"
  | "too_many_redirects"
  | "too_large"
  | "timeout"
  | "wrong_type";

/** A URL that was not fetched. The message names no URL. */
export class SafeFetchError extends AppError {
  readonly reason: SafeFetchReason;

  constructor(reason: SafeFetchReason, cause?: unknown) {
    super(`fetch_${reason}`, `The address was not fetched: ${reason.replaceAll("_", " ")}.`, { cause });
    this.reason = reason;
  }
}

export interface SafeFetchOptions {
  /** All addresses of a host name; default: the system's resolver. */
  resolve?: (hostname: string) => Promise<readonly string[]>;
  /**
   * A simulated web. When set nothing is resolved and the internet is never asked: http://a.example/x is fetched as
   * `<simulatorUrl>/http/a.example/x`. An answer with the header {@link SIMULATED_FAILURE} stands for that failure.
   */
  simulatorUrl?: string | undefined;
  /** `host:port` of servers that may be fetched wherever they are. For tests; nothing in the environment sets it. */
  allowHosts?: ReadonlySet<string>;
}

/** How a simulated web says that a host does not exist (`unresolvable`) or does not answer (`unreachable`). */
export const SIMULATED_FAILURE = "x-simulated-failure";

export interface SafeRequest {
  headers?: Record<string, string>;
  /** Sent by POST; default: GET. */
  body?: string;
  /** For the whole of it: all redirects, to the last byte. */
  timeoutMs: number;
  /** Of the body, decompressed. */
  maxBytes: number;
  /** A longer body is cut there; default: it is `too_large`. */
  cut?: boolean;
  /**
   * Media types that are wanted, such as "text/html". Others are not read: they are `wrong_type`, or of an error no body.
   * "any": whatever comes.
   */
  contentTypes: readonly string[] | "any";
  /** Default 5. */
  maxRedirects?: number;
  signal?: AbortSignal;
  /** Called before each request, redirects too; may wait, and may refuse by throwing. */
  beforeRequest?: (url: URL) => Promise<void>;
}

export interface SafeResponse {
  /** Where the last redirect led to. */
  url: string;
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** @throws SafeFetchError; the signal's reason when the caller aborted; what `beforeRequest` throws */
export type SafeFetch = (url: string, request: SafeRequest) => Promise<SafeResponse>;

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export function createSafeFetch(options: SafeFetchOptions = {}): SafeFetch {
  return async (given, request) => {
    const timeout = AbortSignal.timeout(request.timeoutMs);
    const signal = request.signal ? AbortSignal.any([request.signal, timeout]) : timeout;
    try {
      let url = parseUrl(given, options);
      for (let hops = 0; ; hops++) {
        await request.beforeRequest?.(url);
        const response = await requestOnce(url, request, options, signal);
        if (!("location" in response)) return response;
        if (hops >= (request.maxRedirects ?? MAX_REDIRECTS)) throw new SafeFetchError("too_many_redirects");
        url = parseUrl(response.location, options, url);
      }
    } catch (error) {
      request.signal?.throwIfAborted();
      if (timeout.aborted) throw new SafeFetchError("timeout", error);
      throw error;
    }
  };
}

function parseUrl(text: string, { allowHosts }: SafeFetchOptions, base?: URL): URL {
  const url = URL.parse(text, base?.href);
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:")) throw new SafeFetchError("bad_url");
  if (url.username !== "" || url.password !== "") throw new SafeFetchError("bad_url");
  if (allowHosts?.has(url.host)) return url;
  if (!["", "80", "443"].includes(url.port)) throw new SafeFetchError("bad_url");
  return url;
}

type Hop = SafeResponse | { location: string };

async function requestOnce(
  url: URL,
  request: SafeRequest,
  options: SafeFetchOptions,
  signal: AbortSignal,
): Promise<Hop> {
  const { target, lookup } = await routeTo(url, options, signal);
  const { body, headers: given } = request;
  const response = await send(target, { lookup, headers: { host: url.host, ...given }, body, signal });
  // Whoever reads the body hears of its errors; while nobody does they must not end the process.
  response.on("error", () => {});
  try {
    const { statusCode: status = 0, headers } = response;
    const failure = options.simulatorUrl ? headers[SIMULATED_FAILURE] : undefined;
    if (failure === "unresolvable" || failure === "unreachable") throw new SafeFetchError(failure);
    if (REDIRECTS.has(status) && headers.location) return { location: headers.location };
    const type = headers["content-type"]?.split(";")[0]?.trim().toLowerCase() ?? "";
    // Who does not say what it is may be anything; the reader finds out.
    if (type !== "" && request.contentTypes !== "any" && !request.contentTypes.includes(type)) {
      if (status < 400) throw new SafeFetchError("wrong_type");
      return { url: url.href, status, headers, body: Buffer.alloc(0) };
    }
    return { url: url.href, status, headers, body: await readBody(response, request) };
  } finally {
    response.destroy();
  }
}

/** Where the request really goes: for a public host itself, at the addresses that were checked. */
async function routeTo(
  url: URL,
  options: SafeFetchOptions,
  signal: AbortSignal,
): Promise<{ target: URL; lookup?: LookupFunction }> {
  if (options.simulatorUrl) {
    const scheme = url.protocol.slice(0, -1);
    const base = options.simulatorUrl.replace(/\/$/, "");
    // Literal addresses are refused in a simulated web as in the real one.
    if (isIP(bareHost(url)) !== 0) checkAddress(bareHost(url));
    return { target: new URL(`${base}/${scheme}/${url.host}${url.pathname}${url.search}`) };
  }
  const host = bareHost(url);
  const allowed = options.allowHosts?.has(url.host) ?? false;
  if (isIP(host) !== 0) {
    if (!allowed) checkAddress(host);
    return { target: url };
  }
  const addresses = await resolveWith(options.resolve ?? systemResolver, host, signal);
  // All of them: a host that has one private address besides is up to no good.
  if (!allowed) for (const address of addresses) checkAddress(address);
  return { target: url, lookup: pinnedTo(addresses) };
}

const bareHost = (url: URL): string => url.hostname.replace(/^\[|\]$/g, "");

/** @throws SafeFetchError unless the address is one of the public internet */
function checkAddress(address: string): void {
  // `process` takes IPv4 out of its IPv6 wrapping. Of IPv6 only 2000::/3 is given out.
  const parsed = ipaddr.isValid(address) ? ipaddr.process(address) : null;
  const isPublic =
    parsed?.range() === "unicast" &&
    (!(parsed instanceof ipaddr.IPv6) || parsed.match(ipaddr.IPv6.parse("2000::"), 3));
  if (!isPublic) throw new SafeFetchError("forbidden_address");
}

const systemResolver = async (hostname: string) =>
  (await lookup(hostname, { all: true })).map(({ address }) => address);

async function resolveWith(
  resolve: (hostname: string) => Promise<readonly string[]>,
  hostname: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    signal.throwIfAborted();
    // The resolver takes no signal: it may finish for nobody.
    const addresses = await Promise.race([resolve(hostname), aborted.promise]);
    if (addresses.length > 0) return addresses;
  } catch (error) {
    signal.throwIfAborted();
    throw new SafeFetchError("unresolvable", error);
  } finally {
    signal.removeEventListener("abort", abort);
  }
  throw new SafeFetchError("unresolvable");
}

/** The connection's own lookup: it answers with what was checked, and asks nobody. */
function pinnedTo(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_hostname, { all: wantsAll }, callback) => {
    const [first] = all;
    if (wantsAll) callback(null, all);
    else if (first) callback(null, first.address, first.family);
  };
}

function send(
  url: URL,
  request: {
    lookup: LookupFunction | undefined;
    headers: Record<string, string>;
    body: string | undefined;
    signal: AbortSignal;
  },
): Promise<IncomingMessage> {
  const { lookup, headers, body, signal } = request;
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
  const outgoing = (url.protocol === "https:" ? https : http).request(url, {
    method: body === undefined ? "GET" : "POST",
    // A connection of its own: a pooled one could lead to an address that was checked for another request.
    agent: false,
    headers: { ...headers, ...length, "accept-encoding": "gzip, br" },
    signal,
    ...(lookup ? { lookup } : {}),
  });
  outgoing.once("response", resolve);
  outgoing.on("error", (error) => reject(new SafeFetchError("unreachable", error)));
  outgoing.end(body);
  return promise;
}

async function readBody(response: IncomingMessage, { maxBytes, cut }: SafeRequest): Promise<Buffer> {
  const decompress = decompressorOf(response.headers["content-encoding"]);
  if (decompress) {
    // A pipe hands on the data and not the end of a broken connection.
    response.on("error", (error) => decompress.destroy(error));
    response.pipe(decompress);
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    // Decompressed as it comes, a chunk at a time: a bomb is given up before it has unfolded.
    for await (const chunk of decompress ?? response) {
      bytes += chunk.length;
      if (bytes > maxBytes && !cut) throw new SafeFetchError("too_large");
      chunks.push(chunk);
      if (bytes >= maxBytes && cut) break;
    }
  } catch (error) {
    if (error instanceof SafeFetchError) throw error;
    throw new SafeFetchError("unreachable", error);
  }
  return Buffer.concat(chunks).subarray(0, maxBytes);
}

function decompressorOf(encoding: string | undefined): Duplex | null {
  switch (encoding?.trim().toLowerCase() ?? "") {
    case "":
    case "identity":
      return null;
    case "gzip":
    case "x-gzip":
      return createGunzip();
    case "deflate":
      return createInflate();
    case "br":
      return createBrotliDecompress();
    default:
      throw new SafeFetchError("wrong_type");
  }
}
