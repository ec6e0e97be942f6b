/**
 * What Hunter answers, and what we make of it. Sources as in client.ts.
 *
 * Addresses are kept only where they are at the domain that was asked about; of people no more than their name and
 * position. An item that we cannot read is left out, and no other.
 */
import { z } from "zod";
import { type EmailKind, emailAddress, emailKindOf, isAtDomain } from "#src/domain/contact/email-address.ts";
import { number, part, text } from "../lenient.ts";

/** What Hunter's own check of the address came to; `unknown` where it made none. */
export type HunterVerification = "valid" | "accept_all" | "invalid" | "unknown";

export interface HunterEmail {
  email: string;
  kind: EmailKind;
  /** Hunter's confidence that the address is right, 0 to 100. */
  scorePct: number;
  verification: HunterVerification;
  /** Personal data. */
  name: string | null;
  position: string | null;
}

export interface HunterDomain {
  /** The best first, at most 10. */
  emails: HunterEmail[];
  /** Addresses in the answer, read or not: Hunter charges for an answer that has any. */
  returned: number;
}

/** `claimed`: the person has told Hunter not to process their address, which is not to be looked for anywhere. */
export type HunterFinding = { claimed: true } | { claimed: false; email: HunterEmail };

const MAX_EMAILS = 10;

const score = number.pipe(z.number().min(0).max(100)).transform(Math.round);

const verification = z
  .preprocess((value) => value ?? {}, z.looseObject({ status: z.unknown() }))
  .transform(({ status }): HunterVerification => {
    if (status === "valid" || status === "accept_all" || status === "invalid") return status;
    return status === "disposable" ? "invalid" : "unknown";
  })
  .catch("unknown");

const person = {
  first_name: text.catch(null),
  last_name: text.catch(null),
  position: text.catch(null),
  verification,
};

const listed = z.looseObject({ value: emailAddress, type: z.unknown(), confidence: score, ...person });
const domainAnswer = z.looseObject({ data: z.looseObject({ emails: z.array(z.unknown()) }) });

/** @returns null when this is no answer of domain-search */
export function readDomain(body: unknown, domain: string): HunterDomain | null {
  const parsed = domainAnswer.safeParse(body);
  if (!parsed.success) return null;
  const { emails } = parsed.data.data;
  const readable = emails.flatMap((raw) => {
    const item = listed.safeParse(raw);
    return item.success && isAtDomain(item.data.value, domain) ? [toListed(item.data)] : [];
  });
  const best = readable.toSorted((a, b) => b.scorePct - a.scorePct).slice(0, MAX_EMAILS);
  return { emails: best, returned: emails.length };
}

const found = z.looseObject({ email: emailAddress, score, ...person });
const finderAnswer = z.looseObject({ data: part({ email: text }) });

/** @returns "none" when no address was found; null when this is no answer of email-finder */
export function readFinding(body: unknown, domain: string): HunterEmail | "none" | null {
  const parsed = finderAnswer.safeParse(body);
  if (!parsed.success) return null;
  if (parsed.data.data.email === null) return "none";
  const item = found.safeParse(parsed.data.data);
  if (!item.success) return null;
  const { email, score: scorePct } = item.data;
  if (!isAtDomain(email, domain)) return "none";
  return { email, kind: emailKindOf(email), scorePct, ...personOf(item.data) };
}

function toListed(item: z.infer<typeof listed>): HunterEmail {
  const { value: email, type, confidence: scorePct } = item;
  const kind = type === "generic" || type === "personal" ? type : emailKindOf(email);
  return { email, kind, scorePct, ...personOf(item) };
}

const personOf = (item: z.infer<z.ZodObject<typeof person>>) => ({
  verification: item.verification,
  name: [item.first_name, item.last_name].filter(Boolean).join(" ") || null,
  position: item.position,
});
