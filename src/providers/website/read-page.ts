/** From the bytes of an HTML page to what we keep of it. Texts are cut to size; personal numbers are masked. */
import type { IncomingHttpHeaders } from "node:http";
import { type CheerioAPI, load } from "cheerio/slim";
import { maskPersonalNumbers } from "#src/domain/registry/personal-numbers.ts";
import { cleanText } from "#src/domain/registry/text.ts";
import type { Page } from "#src/domain/web/site.ts";

const MAX_TEXT = 20_000;
/** Opening and closing; most pages have a few thousand. */
const MAX_TAGS = 20_000;
const MAX_LINKS = 200;
const MAX_ASSETS = 60;
/** Of an address; and of a script in the page, whose beginning is enough to know whose it is. */
const MAX_URL = 500;

/** Headers that tell of software, besides those that name it outright. */
const TELLING_HEADERS = [
  "server",
  "x-powered-by",
  "x-generator",
  "x-aspnet-version",
  "x-shopify-stage",
  "x-wix-request-id",
  "cf-ray",
];

/** What stands in the page but is not shown. */
const HIDDEN = new Set(["head", "script", "style", "noscript", "template", "svg", "iframe", "title"]);
/** Elements within a word or a sentence; any other begins a new line, so that words of neighbours do not grow together. */
const INLINE = new Set([
  "a",
  "abbr",
  "b",
  "em",
  "font",
  "i",
  "mark",
  "small",
  "span",
  "strong",
  "sub",
  "sup",
  "u",
]);

/**
 * In one walk over the document, iterative and cut to size as it goes: a page may be nested as deep, and be as full of
 * links, as a hostile hand likes.
 * @param url where the page was found, after redirects
 */
export function readPage(url: string, html: string, headers: IncomingHttpHeaders): Page {
  const found = walk(load(firstTags(html)).root()[0], url);
  const { meta } = found;
  return {
    url: url.slice(0, MAX_URL),
    title: tidy(found.title, 300) || null,
    description: tidy(meta.get("description") ?? meta.get("og:description") ?? "", 1_000) || null,
    // A page that shows nothing without scripts says so in its noscript.
    text: tidy(found.text, MAX_TEXT) || tidy(found.noscript.replace(/<[^>]*>/g, " "), 500),
    links: found.links.map((link) => ({
      url: maskPersonalNumbers(link.url),
      text: tidy(link.text, 100),
    })),
    generator: tidy(meta.get("generator") ?? "", 200) || null,
    scripts: found.scripts.map((script) => tidy(script, MAX_URL)).filter((script) => script !== ""),
    stylesheets: found.stylesheets,
    cookies: (headers["set-cookie"] ?? [])
      .map((cookie) => (cookie.split("=")[0] ?? "").slice(0, 100))
      .slice(0, 30),
    headers: Object.fromEntries(
      TELLING_HEADERS.flatMap((name) => {
        const value = headers[name];
        return typeof value === "string" ? [[name, value.slice(0, 200)]] : [];
      }),
    ),
  };
}

/** The page up to so many tags: the parser's time grows with the square of how deep they are nested. */
function firstTags(html: string): string {
  let at = -1;
  for (let tags = 0; tags <= MAX_TAGS; tags++) {
    at = html.indexOf("<", at + 1);
    if (at === -1) return html;
  }
  return html.slice(0, at);
}

type Node = ReturnType<CheerioAPI["root"]>[number] | ChildNode;
type ChildNode = ReturnType<CheerioAPI["root"]>[number]["children"][number];

/** Raw, but never much longer than what is kept. */
interface Found {
  title: string;
  text: string;
  noscript: string;
  /** By lower-case name. */
  meta: Map<string, string>;
  links: { url: string; text: string }[];
  scripts: string[];
  stylesheets: string[];
}

function walk(root: Node | undefined, url: string): Found {
  const found: Found = {
    title: "",
    text: "",
    noscript: "",
    meta: new Map(),
    links: [],
    scripts: [],
    stylesheets: [],
  };
  let baseUrl = url;
  // What is to be done, the next last: enter a node, or leave an element.
  const stack: { node: Node; inside: Inside; leaving?: true }[] = root
    ? [{ node: root, inside: { hiddenBy: null, link: null } }]
    : [];
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { node, inside, leaving } = next;
    if (node.type === "text") {
      addText(found, node.data, inside);
      continue;
    }
    if (!("children" in node)) continue;
    if (leaving) {
      addText(found, " ", inside);
      continue;
    }
    let within = inside;
    if ("attribs" in node) {
      const { name, attribs } = node;
      if (name === "base") baseUrl = absolute(attribs.href, url) ?? baseUrl;
      const link = noteElement(found, name, attribs, baseUrl);
      within = {
        hiddenBy: HIDDEN.has(name) ? name : inside.hiddenBy,
        link: link ?? inside.link,
      };
      if (!INLINE.has(name)) {
        addText(found, " ", inside);
        stack.push({ node, inside, leaving: true });
      }
      // Cloudflare hides addresses from robots that do not run its script.
      if (attribs["data-cfemail"]) {
        addText(found, decodeCloudflare(attribs["data-cfemail"]), within);
        continue;
      }
    }
    for (const child of node.children.toReversed()) stack.push({ node: child, inside: within });
  }
  return found;
}

interface Inside {
  /** The element that hides what is in it. */
  hiddenBy: string | null;
  link: { text: string } | null;
}

function addText(found: Found, text: string, { hiddenBy, link }: Inside): void {
  // White space may be collapsed later: some more than what is kept is enough.
  const room = (have: string, max: number) => text.slice(0, Math.max(0, 4 * max - have.length));
  if (hiddenBy === null) {
    found.text += room(found.text, MAX_TEXT);
    if (link) link.text += room(link.text, 100);
  } else if (hiddenBy === "title") found.title += room(found.title, 300);
  else if (hiddenBy === "noscript") found.noscript += room(found.noscript, 500);
  else if (hiddenBy === "script" && text.trim() !== "" && found.scripts.length < MAX_ASSETS)
    found.scripts.push(text.trim().slice(0, MAX_URL));
}

/** What an element says besides its text; a link is given back, to collect its text. */
function noteElement(
  found: Found,
  name: string,
  attribs: Record<string, string>,
  baseUrl: string,
): Found["links"][number] | null {
  const note = (list: string[], href: string | undefined) => {
    const target = absolute(href, baseUrl);
    if (target && list.length < MAX_ASSETS) list.push(target);
  };
  if (name === "script") note(found.scripts, attribs.src);
  else if (name === "link" && attribs.rel?.toLowerCase() === "stylesheet")
    note(found.stylesheets, attribs.href);
  else if (name === "meta") {
    const key = (attribs.name ?? attribs.property ?? "").toLowerCase();
    if (!found.meta.has(key) && found.meta.size < 100)
      found.meta.set(key, (attribs.content ?? "").slice(0, 4_000));
  } else if (name === "a" && found.links.length < MAX_LINKS) {
    const target = absolute(attribs.href, baseUrl);
    if (!target) return null;
    const link = { url: target, text: "" };
    found.links.push(link);
    return link;
  }
  return null;
}

/**
 * The text of a page's bytes. Pages lie about their encoding, so what they say counts only as long as the bytes agree:
 * valid UTF-8 is UTF-8; else the header's word, then the page's own, then Windows-1250, which holds Latin-2's letters.
 */
export function decodeHtml(body: Buffer, contentType: string | undefined): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    const head = body.subarray(0, 2_048).toString("latin1");
    const said = [
      /charset=["']?([\w-]+)/i.exec(contentType ?? "")?.[1],
      /<meta[^>]+charset=["']?([\w-]+)/i.exec(head)?.[1],
    ];
    const known = said.find((name) => name !== undefined && !/^utf-?8$/i.test(name) && isEncoding(name));
    return new TextDecoder(known ?? "windows-1250").decode(body);
  }
}

function isEncoding(name: string): boolean {
  try {
    new TextDecoder(name);
    return true;
  } catch {
    return false;
  }
}

const tidy = (text: string, max: number): string =>
  maskPersonalNumbers(cleanText(text.slice(0, max * 4).toWellFormed())).slice(0, max);

/** An absolute address that a page may link to; null for javascript:, data: and what is too long. */
function absolute(href: string | undefined, baseUrl: string): string | null {
  const parsed = href === undefined ? null : URL.parse(href.trim(), baseUrl);
  if (!parsed || !/^(https?|mailto|tel):$/.test(parsed.protocol) || parsed.href.length > MAX_URL) return null;
  return parsed.href;
}

/** https://developers.cloudflare.com/waf/tools/scrape-shield/email-address-obfuscation: hex, XOR with byte 0. */
function decodeCloudflare(hex: string): string {
  const [key = 0, ...bytes] = Buffer.from(hex, "hex");
  return Buffer.from(bytes.map((byte) => byte ^ key)).toString("utf8");
}
