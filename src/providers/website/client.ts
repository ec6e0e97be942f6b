/**
 * Companies' own sites: the home page, and up to two pages that look like contact pages. Free (0 micro-euros).
 *
 * We ask robots.txt first (RFC 9309: 4xx means anything goes, no answer means stay away), say who we are, and keep
 * to the pace of manners.ts. Everything goes through safe-fetch.ts, because the domains come from data. What is wrong
 * with a site is an answer and no error: one bad site must not count against all the others.
 */
import robotsModule from "robots-parser";
import { isSharedHost } from "#src/domain/web/domain-name.ts";
import {
  contactPages,
  isRefusal,
  type Page,
  type Site,
  type SiteState,
  stateOfHomePage,
} from "#src/domain/web/site.ts";
import {
  type SafeFetch,
  SafeFetchError,
  type SafeFetchReason,
  type SafeResponse,
} from "#src/platform/safe-fetch.ts";
import { LeftAlone, type Manners } from "./manners.ts";
import { decodeHtml, readPage } from "./read-page.ts";

export const WEBSITE = "website";

export interface WebsiteClientOptions {
  safeFetch: SafeFetch;
  manners: Manners;
  /** Where a site's owner reads who we are and how to keep us away. */
  contactUrl: string;
  /** For each request with its redirects; default 15 s, without the time spent waiting for the domain's turn. */
  timeoutMs?: number;
}

export interface VisitOptions {
  signal: AbortSignal;
  onSent?: () => void;
  /** Sites that are left alone, also when this one leads there. */
  pausedDomains?: ReadonlySet<string>;
}

export interface WebsiteClient {
  /**
   * The site of a domain. Null: there is no such host.
   * @throws the signal's reason when it aborts
   */
  fetchPages(domain: string, options: VisitOptions): Promise<Site | null>;
}

// The package is CommonJS, and its types say it were not.
const parseRobots = robotsModule as unknown as typeof robotsModule.default;
type Robots = ReturnType<typeof parseRobots>;

/** Our name in robots.txt files. */
const ROBOT = "Cerniq";
const MAX_BYTES = 2 * 1024 * 1024;
const MAX_ROBOTS_BYTES = 512 * 1024;
const MAX_CONTACT_PAGES = 2;
/** Our own pace. A site that asks for longer pauses is asked for its home page only. */
const MAX_CRAWL_DELAY_S = 5;
const HTML = ["text/html", "application/xhtml+xml"];

const STATES: Record<Exclude<SafeFetchReason, "unresolvable">, SiteState> = {
  bad_url: "unreadable",
  forbidden_address: "unreachable",
  unreachable: "unreachable",
  too_many_redirects: "unreachable",
  timeout: "unreachable",
  too_large: "unreadable",
  wrong_type: "unreadable",
};

/** A redirect that leads to another domain, whose robots.txt we have not seen. */
class Moved extends Error {
  readonly url: URL;
  constructor(url: URL) {
    super("moved");
    this.url = url;
  }
}

export function createWebsiteClient({
  safeFetch,
  manners,
  contactUrl,
  timeoutMs = 15_000,
}: WebsiteClientOptions): WebsiteClient {
  const headers = {
    "user-agent": `Mozilla/5.0 (compatible; ${ROBOT}/0.1; +${contactUrl})`,
    accept: "text/html,application/xhtml+xml;q=0.9,text/plain;q=0.8",
    "accept-language": "ro,en;q=0.5",
  };

  /** One request in the domain's turn, with its redirects within the domain. */
  async function get(
    url: string,
    { signal, pausedDomains }: VisitOptions,
    limits: { maxBytes: number; contentTypes: string[] },
  ) {
    const start = new URL(url);
    const domain = bareHost(start);
    const deadline = createDeadline(timeoutMs, signal);
    try {
      const response = await safeFetch(url, {
        ...limits,
        headers,
        // Ours is `deadline`, which stands still while we wait for our turn.
        timeoutMs: 10 * 60_000,
        signal: deadline.signal,
        async beforeRequest(next) {
          if (bareHost(next) !== domain) throw new Moved(next);
          if (pausedDomains?.has(domain)) throw new LeftAlone();
          await deadline.paused(() => manners.turn(domain, signal));
        },
      });
      manners.report(domain, response.status < 500 && response.status !== 429);
      return response;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Moved || error instanceof LeftAlone) throw error;
      const failure = deadline.signal.aborted ? new SafeFetchError("timeout", error) : error;
      if (failure instanceof SafeFetchError)
        manners.report(domain, STATES[failure.reason as "timeout"] !== "unreachable");
      throw failure;
    } finally {
      deadline.end();
    }
  }

  /** The site's rules, and the origin that answered. @throws SafeFetchError when no origin did */
  async function askRobots(
    host: string,
    options: VisitOptions,
  ): Promise<{ origin: string; robots: Robots | null }> {
    let failure: unknown;
    for (const origin of [`https://${host}`, `http://${host}`]) {
      try {
        const url = `${origin}/robots.txt`;
        const response = await get(url, options, {
          maxBytes: MAX_ROBOTS_BYTES,
          contentTypes: ["text/plain", ...HTML],
        });
        const answered = new URL(response.url).origin;
        if (response.status >= 500) throw new SafeFetchError("unreachable");
        const rules = response.status < 300 ? response.body.toString("utf8") : "";
        return { origin: answered, robots: parseRobots(`${answered}/robots.txt`, rules) };
      } catch (error) {
        if (!(error instanceof SafeFetchError)) throw error;
        if (error.reason === "wrong_type" || error.reason === "too_large") return { origin, robots: null };
        failure ??= error;
        if (error.reason !== "unreachable" && error.reason !== "timeout") break;
      }
    }
    throw failure;
  }

  async function visit(domain: string, host: string, options: VisitOptions): Promise<Site> {
    const { origin, robots } = await askRobots(host, options);
    const mayFetch = (url: string) => robots?.isAllowed(url, ROBOT) ?? true;
    const homeUrl = `${origin}/`;
    if (!mayFetch(homeUrl)) return { domain, state: "disallowed", url: homeUrl, pages: [] };
    const { status, page: home } = await getPage(homeUrl, options);
    const state = stateOfHomePage(status, home);
    if (state !== "read") return { domain, state, url: home.url, pages: [] };
    const pages = [home];
    if ((robots?.getCrawlDelay(ROBOT) ?? 0) <= MAX_CRAWL_DELAY_S) {
      for (const url of contactPages(home, MAX_CONTACT_PAGES).filter(mayFetch)) {
        // The home page alone is worth having: what is wrong with another is that page's loss.
        const other = await getPage(url, options).catch((error: unknown) => {
          options.signal.throwIfAborted();
          if (error instanceof SafeFetchError || error instanceof Moved || error instanceof LeftAlone)
            return null;
          throw error;
        });
        if (other && isRefusal(other.status)) break;
        if (other && other.status < 300) pages.push(other.page);
      }
    }
    return { domain, state, url: home.url, pages };
  }

  async function getPage(url: string, options: VisitOptions): Promise<{ status: number; page: Page }> {
    const response: SafeResponse = await get(url, options, { maxBytes: MAX_BYTES, contentTypes: HTML });
    const html = decodeHtml(response.body, response.headers["content-type"]);
    return { status: response.status, page: readPage(response.url, html, response.headers) };
  }

  return {
    async fetchPages(domain, options) {
      const { signal, onSent } = options;
      // Our own pace is per domain; the limit of all sites together counts visits.
      onSent?.();
      const failed = (state: SiteState): Site => ({ domain, state, url: null, pages: [] });
      let host = domain;
      // The host itself, its "www." if that is all there is, and where it has moved to.
      for (let moves = 0; moves < 3; moves++) {
        try {
          return await visit(domain, host, options);
        } catch (error) {
          signal.throwIfAborted();
          if (error instanceof LeftAlone) return failed("unreachable");
          if (error instanceof Moved) {
            host = error.url.host;
            if (isSharedHost(bareHost(error.url))) return failed("unreadable");
            continue;
          }
          if (!(error instanceof SafeFetchError)) throw error;
          if (error.reason !== "unresolvable") return failed(STATES[error.reason]);
          if (host !== domain) return null;
          host = `www.${domain}`;
        }
      }
      return failed("unreachable");
    },
  };
}

const bareHost = (url: URL): string => url.host.replace(/^www\./, "");

/** Aborts after so long, not counting the time that `paused` takes; or with the signal. */
function createDeadline(ms: number, signal: AbortSignal) {
  const timeUp = new AbortController();
  let leftMs = ms;
  let startedAt = performance.now();
  const arm = () => setTimeout(() => timeUp.abort(new Error("time is up")), leftMs);
  let timer = arm();
  return {
    signal: AbortSignal.any([signal, timeUp.signal]),
    async paused(work: () => Promise<void>): Promise<void> {
      clearTimeout(timer);
      leftMs -= performance.now() - startedAt;
      await work();
      startedAt = performance.now();
      timer = arm();
    },
    end: () => clearTimeout(timer),
  };
}
