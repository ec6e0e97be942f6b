/** Contact data on the pages of a company's site, each with the words around it as evidence. Pure. */
import { phonesInText } from "../phone/phones-in-text.ts";
import { mailDomain } from "./domain-name.ts";
import { snippetOf } from "./ownership.ts";
import type { Page } from "./site.ts";

export interface Evidence {
  /** The page that it stands on. */
  url: string;
  /** A few words around it. */
  snippet: string;
}

export interface WebEmail extends Evidence {
  address: string;
}

export interface WebPhone extends Evidence {
  /** As it is written there. */
  number: string;
}

export interface WebContacts {
  emails: WebEmail[];
  phones: WebPhone[];
  /** Profiles on social networks. */
  social: string[];
}

const MAX_EACH = 10;
const ADDRESS = /[a-z0-9](?:[a-z0-9._%+-]{0,62}[a-z0-9])?@(?:[a-z0-9-]+\.)+[a-z]{2,24}/gi;
/** "office [at] agro.ro", "office(a)agro.ro", "office @ agro . ro": what people write against robots. */
const AT = /\s*(?:\[\s*(?:at|a|arond|@)\s*\]|\(\s*(?:at|a|arond|@)\s*\)|\{\s*at\s*\}|\s@\s)\s*/gi;
const DOT = /\s*(?:\[\s*(?:dot|punct|\.)\s*\]|\(\s*(?:dot|punct)\s*\))\s*/gi;
/** Pictures named like addresses, and addresses of the tools that a site is made with. */
const NO_ADDRESS =
  /\.(png|jpe?g|gif|webp|svg|css|js)$|@(.+\.)?(sentry\.io|wixpress\.com|example\.(com|org|net)|domain\.com|email\.com|sitename\.com)$/i;
const GENERIC = /^(office|contact|info|secretariat|comenzi|vanzari|sales|hello|receptie|administrator|firma)/;
const SOCIAL =
  /^https?:\/\/(?:[a-z-]+\.)?(facebook\.com|instagram\.com|linkedin\.com|youtube\.com|tiktok\.com|x\.com|twitter\.com)\/(?!sharer|share|intent|plugins|dialog|tr\b|hashtag)[^\s?#]{2,}/i;

/** Everything found, links before text, each address and number once. */
export function contactsOf(pages: readonly Page[]): WebContacts {
  const emails = new Map<string, WebEmail>();
  const phones = new Map<string, WebPhone>();
  const social = new Set<string>();
  const addEmail = (address: string, evidence: Evidence) => {
    const key = address.toLowerCase();
    if (!emails.has(key) && emails.size < MAX_EACH && !NO_ADDRESS.test(key))
      emails.set(key, { address: key, ...evidence });
  };
  const addPhones = (text: string, url: string, snippet?: string) => {
    for (const { e164, number, index } of phonesInText(text)) {
      if (phones.has(e164) || phones.size >= MAX_EACH) continue;
      phones.set(e164, { number, url, snippet: snippet ?? snippetOf(text, index, number.length) });
    }
  };
  for (const page of pages) {
    for (const { url, text } of page.links) {
      const target = linkTarget(url);
      const evidence = { url: page.url, snippet: text === "" ? target.slice(0, 100) : text.slice(0, 100) };
      if (url.startsWith("mailto:"))
        for (const [address] of target.matchAll(ADDRESS)) addEmail(address, evidence);
      else if (url.startsWith("tel:")) addPhones(target, page.url, evidence.snippet);
      else {
        const profile = SOCIAL.exec(url)?.[0].replace(/\/$/, "");
        if (profile && social.size < MAX_EACH) social.add(profile);
      }
    }
  }
  for (const page of pages) {
    const text = page.text.replace(AT, "@").replace(DOT, ".");
    for (const match of text.matchAll(ADDRESS)) {
      addEmail(match[0], { url: page.url, snippet: snippetOf(text, match.index, match[0].length) });
    }
    addPhones(page.text, page.url);
  }
  return { emails: [...emails.values()], phones: [...phones.values()], social: [...social] };
}

/**
 * The address to write to: on the site's own domain, a general one before a person's; else a free mailbox, which is
 * what small companies use. Other domains' addresses are those of web designers and partners: null.
 */
export function companyEmail(emails: readonly WebEmail[], siteDomain: string): string | null {
  const rank = (address: string): number | null => {
    const domain = address.slice(address.lastIndexOf("@") + 1);
    if (domain === siteDomain || siteDomain.endsWith(`.${domain}`) || domain.endsWith(`.${siteDomain}`))
      return GENERIC.test(address) ? 0 : 1;
    return mailDomain(address) === null ? 2 : null;
  };
  const ranked = emails.flatMap(({ address }) => {
    const place = rank(address);
    return place === null ? [] : [{ address, place }];
  });
  return ranked.toSorted((a, b) => a.place - b.place)[0]?.address ?? null;
}

function linkTarget(url: string): string {
  const target = url.replace(/^[a-z]+:/i, "").replace(/\?.*$/, "");
  try {
    return decodeURIComponent(target);
  } catch {
    return target;
  }
}
