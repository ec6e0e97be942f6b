/** A company's site as we have read it: facts of its pages, and what state the site is in. Pure. */
import { foldText } from "../registry/text.ts";

/** What we keep of a page. Texts are clean, with personal numbers masked; everything is cut to size. */
export interface Page {
  /** Where the last redirect led to. */
  url: string;
  title: string | null;
  /** Of the page's meta tags. */
  description: string | null;
  /** What a visitor sees, on one line. */
  text: string;
  /** Absolute; mailto: and tel: too. */
  links: { url: string; text: string }[];
  /** Of the page's meta tags, such as "WordPress 6.5". */
  generator: string | null;
  /** Addresses of scripts, and the beginnings of those that stand in the page. */
  scripts: string[];
  stylesheets: string[];
  /** Names only. */
  cookies: string[];
  /** Those that tell of software, lower-case names. */
  headers: Record<string, string>;
}

/**
 * - `read`: its pages were read. - `blocked`: it answers people, but not us (403, a challenge page).
 * - `needs_browser`: without JavaScript, or a click on a cookie wall, it shows nothing.
 * - `disallowed`: its robots.txt asks us to stay away, and we do. - `parked`: nobody's site, the domain is for sale.
 * - `unreachable`: no connection, or errors only. - `unreadable`: no HTML, or more of it than we take.
 */
export type SiteState =
  | "read"
  | "blocked"
  | "needs_browser"
  | "disallowed"
  | "parked"
  | "unreachable"
  | "unreadable";

export interface Site {
  domain: string;
  state: SiteState;
  /** Of the home page; null where none was had. */
  url: string | null;
  /** Home page first; empty unless `state` is `read`. */
  pages: Page[];
}

/** A page with less text than this shows a visitor nothing. */
const MIN_TEXT = 200;

const PARKED =
  /\b(domain (name )?(is )?(for sale|parked)|buy this domain|this domain (may be|is) (for sale|available)|domeni(u|ul) (este |e )?(de vanzare|parcat|inregistrat prin)|parked (free|page)|sedoparking|domeniu disponibil)\b/;
const CHALLENGE =
  /\b(just a moment|checking your browser|verify you are human|attention required|access denied|are you a robot|captcha)\b/;
const SCRIPT_WANTED =
  /\b(enable javascript|activati javascript|activeaza javascript|requires javascript|javascript (is|este) (disabled|dezactivat|necesar))\b/;
const COOKIE_WALL = /\bcookie/;

/** What a home page that was answered with this status says about its site. */
export function stateOfHomePage(status: number, page: Page): SiteState {
  const text = foldText(`${page.title ?? ""} ${page.text}`);
  if (PARKED.test(text.slice(0, 5_000))) return "parked";
  const isShort = page.text.length < MIN_TEXT;
  if (isRefusal(status) || (isShort && CHALLENGE.test(text))) return "blocked";
  if (status >= 400) return "unreachable";
  if (SCRIPT_WANTED.test(text.slice(0, 2_000)) && page.text.length < 3 * MIN_TEXT) return "needs_browser";
  // A page may be short by nature; one that loads scripts, or asks for cookies first, is hiding its text.
  if (isShort && (page.scripts.length > 0 || COOKIE_WALL.test(text))) return "needs_browser";
  return "read";
}

/** Statuses by which a server turns a visitor away who it takes for a robot. */
export const isRefusal = (status: number): boolean =>
  status === 401 || status === 403 || status === 429 || status === 503;

const CONTACT = /contact|kontakt/;
const ABOUT = /despre|about|companie|cine.?suntem|firma|echipa|impressum/;

/** Links of a home page to pages of the same site that may have contact data, the likeliest first. */
export function contactPages(home: Page, count: number): string[] {
  const { host, pathname } = new URL(home.url);
  const ranked = new Map<string, number>();
  for (const { url, text } of home.links) {
    const parsed = URL.parse(url);
    if (!parsed || bareHost(parsed.host) !== bareHost(host) || !/^https?:$/.test(parsed.protocol)) continue;
    if (/\.(pdf|docx?|xlsx?|jpe?g|png|webp|zip)$/i.test(parsed.pathname)) continue;
    parsed.hash = "";
    if (parsed.pathname === pathname) continue;
    const words = `${foldText(text)} ${parsed.pathname.toLowerCase()}`;
    const rank = CONTACT.test(words) ? 0 : ABOUT.test(words) ? 1 : null;
    if (rank !== null && !ranked.has(parsed.href)) ranked.set(parsed.href, rank);
  }
  return [...ranked]
    .toSorted(([, a], [, b]) => a - b)
    .slice(0, count)
    .map(([url]) => url);
}

const bareHost = (host: string): string => host.replace(/^www\./, "");
