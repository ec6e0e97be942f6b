/**
 * What Snov.io answers, and what we make of it. Sources as in client.ts.
 *
 * Its documents and its profiles in public registries disagree on shapes, so both are read: the task's id within
 * `data`, `meta` or on top; a person's addresses nested (`{ people, result: [{ email, smtp_status }] }`) or flat
 * (`{ first_name, last_name, email, status, confidence }`).
 */
import { z } from "zod";
import { type EmailKind, emailAddress, emailKindOf, isAtDomain } from "#src/domain/contact/email-address.ts";
import { foldText } from "#src/domain/registry/text.ts";
import { text } from "../lenient.ts";

export interface SnovEmail {
  email: string;
  kind: EmailKind;
  /** Ours, 0 to 100: Snov.io says in a word what the mail server said. */
  scorePct: number;
}

const VALID = 90;
/** Mailboxes of a firm come without a word on them: seen on the web, at the firm's own domain. To be verified. */
const SEEN = 80;
const UNKNOWN = 50;

const token = z.looseObject({
  access_token: z.string().min(1).max(10_000),
  /** Seconds. */
  expires_in: z.number().positive().catch(3_600),
});

/** @returns null when this is no token */
export function readToken(body: unknown): { token: string; expiresInMs: number } | null {
  const parsed = token.safeParse(body);
  return parsed.success
    ? { token: parsed.data.access_token, expiresInMs: parsed.data.expires_in * 1_000 }
    : null;
}

const withHash = z.looseObject({ task_hash: z.string().regex(/^[\w=+/.-]{1,2000}$/) });
const started = z.union([
  z.looseObject({ data: withHash }).transform(({ data }) => data.task_hash),
  z.looseObject({ meta: withHash }).transform(({ meta }) => meta.task_hash),
  withHash.transform(({ task_hash }) => task_hash),
]);

/** The id of a task; null when this is no answer of a start. */
export const readTask = (body: unknown): string | null => started.safeParse(body).data ?? null;

const result = z.looseObject({ status: z.string(), data: z.array(z.unknown()).nullish() });

/** The items of a task that has ended; "in_progress"; null when this is no answer about a task. */
export function readResult(body: unknown): unknown[] | "in_progress" | null {
  const parsed = result.safeParse(body);
  if (!parsed.success) return null;
  const status = parsed.data.status.toLowerCase().replaceAll(" ", "_");
  if (status === "in_progress") return "in_progress";
  return status === "completed" ? (parsed.data.data ?? []) : null;
}

const address = z.looseObject({
  email: emailAddress,
  smtp_status: text.catch(null),
  status: text.catch(null),
});
const flat = z.looseObject({ first_name: z.string(), last_name: z.string() });
const nested = z.looseObject({ people: text, result: z.union([z.array(z.unknown()), z.looseObject({})]) });

export interface SnovPerson {
  firstName: string;
  lastName: string;
  domain: string;
}

/**
 * The best address for each of the people asked about, in their order; null where none was found. `charged`: the
 * answer had one, whether or not it is of use.
 */
export function readPeople(
  items: readonly unknown[],
  asked: readonly SnovPerson[],
): { email: SnovEmail | null; charged: boolean }[] {
  return asked.map((person, index) => {
    // Rows come back in the order in which they were asked; names tell where some were left out.
    const item = items.length === asked.length ? items[index] : items.find((each) => isAbout(each, person));
    const addresses = addressesOf(item);
    const [best] = addresses
      .filter(({ email }) => isAtDomain(email, person.domain))
      .toSorted((a, b) => b.scorePct - a.scorePct);
    return { email: best ?? null, charged: addresses.length > 0 };
  });
}

/** Mailboxes of a firm at its domain. */
export function readGeneric(items: readonly unknown[], domain: string): SnovEmail[] {
  return items.flatMap((item) => {
    const email = address.safeParse(item).data?.email;
    if (!email || !isAtDomain(email, domain)) return [];
    return [{ email, kind: "generic" as const, scorePct: SEEN }];
  });
}

function isAbout(item: unknown, { firstName, lastName }: SnovPerson): boolean {
  const flatly = flat.safeParse(item).data;
  const name = flatly
    ? [flatly.first_name, flatly.last_name].join(" ")
    : (nested.safeParse(item).data?.people ?? "");
  return foldText(name) === foldText(`${firstName} ${lastName}`);
}

function addressesOf(item: unknown): SnovEmail[] {
  const given = nested.safeParse(item).data?.result ?? item;
  return (Array.isArray(given) ? given : [given]).flatMap((each) => {
    const parsed = address.safeParse(each);
    if (!parsed.success) return [];
    const { email, smtp_status: smtp, status } = parsed.data;
    const word = smtp ?? status;
    // "not_valid" is not an address found, and not charged.
    if (word === "not_valid" || word === "invalid") return [];
    return [{ email, kind: emailKindOf(email), scorePct: word === "valid" ? VALID : UNKNOWN }];
  });
}

const balance = z.looseObject({ data: z.looseObject({ balance: z.coerce.number() }) });

/** Credits left; null when this is no balance. */
export const readBalance = (body: unknown): number | null =>
  balance.safeParse(body).data?.data.balance ?? null;
