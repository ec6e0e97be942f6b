/** E-mail addresses as we keep them, and what they say of who reads them. Pure. */
import { z } from "zod";

/** `generic`: a mailbox of the firm. `personal`: by its looks somebody's own; in doubt, personal. */
export type EmailKind = "generic" | "personal";

// Stricter than RFC 5321, which nobody needs: no quotes, no comments, no addresses in brackets.
const ADDRESS = /^[a-z0-9_%+'-]+(\.[a-z0-9_%+'-]+)*@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/;
const MAX_LENGTH = 254;

const FIRM = new Set(
  `office contact info hello mail email firma companie secretariat receptie birou administrativ admin administratie
   comenzi comanda vanzari sales achizitii aprovizionare logistica transport dispecerat depozit marketing comercial
   contabilitate financiar facturi facturare juridic relatii clienti suport support service export import
   ferma agro agricol cereale seminte zootehnie resurseumane hr recrutare cariere jobs`.split(/\s+/),
);

/** Mailboxes that no one reads, or that have one purpose which is not ours. */
const NOT_FOR_US = new Set(
  `noreply donotreply nuraspunde postmaster mailerdaemon bounce bounces abuse hostmaster webmaster root security
   dpo gdpr privacy unsubscribe dezabonare newsletter hr recrutare cariere jobs resurseumane`.split(/\s+/),
);

/** Lower case, without blanks around it; null for what is no address, or longer than one may be. */
export function cleanEmail(text: string): string | null {
  const address = text.trim().toLowerCase();
  return address.length <= MAX_LENGTH && ADDRESS.test(address) ? address : null;
}

/** Reads an address as {@link cleanEmail} does, and refuses what is none. */
export const emailAddress = z.string().max(1_000).transform(cleanEmail).pipe(z.string());

/** By the part before the @: "office", "office.buzau" and "office2" are the firm's. */
export function emailKindOf(address: string): EmailKind {
  const { whole, first } = wordsOf(address);
  return FIRM.has(whole) || FIRM.has(first) || NOT_FOR_US.has(whole) ? "generic" : "personal";
}

/** Whether business mail has an addressee there: not at no-reply, webmaster, privacy or job mailboxes. */
export const isForBusiness = (address: string): boolean => !NOT_FOR_US.has(wordsOf(address).whole);

/** Whether the address is at this domain, or beneath it. */
export function isAtDomain(address: string, domain: string): boolean {
  const host = address.slice(address.lastIndexOf("@") + 1);
  return host === domain || host.endsWith(`.${domain}`);
}

function wordsOf(address: string): { whole: string; first: string } {
  const local = address.slice(0, address.lastIndexOf("@")).replace(/\d+$/, "");
  return { whole: local.replace(/[._-]/g, ""), first: local.split(/[._-]/)[0] ?? "" };
}
