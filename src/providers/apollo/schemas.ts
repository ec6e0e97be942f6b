/**
 * What Apollo answers about a person, and what we make of it. Sources as in client.ts. Of the person no more is kept
 * than the business address and the position.
 */
import { z } from "zod";
import { type EmailKind, emailAddress, emailKindOf, isAtDomain } from "#src/domain/contact/email-address.ts";
import { text } from "../lenient.ts";

export interface ApolloEmail {
  email: string;
  kind: EmailKind;
  /** Ours, 0 to 100: Apollo says in words how sure it is. */
  scorePct: number;
  position: string | null;
}

/** `email`: null where the person is known but not, or not to us, the address. */
export interface ApolloMatch {
  email: ApolloEmail | null;
}

/** Apollo's words for how sure it is; any other is worth as much as a guess. */
const SCORES: Readonly<Record<string, number>> = { verified: 90, "likely to engage": 80 };
const GUESS = 50;

const answer = z.looseObject({ person: z.looseObject({}).nullable() });
const person = z.looseObject({
  email: emailAddress,
  email_status: text.catch(null),
  title: text.catch(null),
});

/**
 * Addresses elsewhere (of a former employer, or the placeholder of a locked one) are none.
 * @returns "none" when nobody matched; null when this is no answer of people/match
 */
export function readMatch(body: unknown, domain: string): ApolloMatch | "none" | null {
  const parsed = answer.safeParse(body);
  if (!parsed.success) return null;
  if (parsed.data.person === null) return "none";
  const found = person.safeParse(parsed.data.person);
  if (!found.success) return { email: null };
  const { email, email_status: status, title: position } = found.data;
  if (!isAtDomain(email, domain) || email.startsWith("email_not_unlocked@")) return { email: null };
  return { email: { email, kind: emailKindOf(email), scorePct: SCORES[status ?? ""] ?? GUESS, position } };
}

const refusal = z.looseObject({ error: z.string() });

/** Whether a refusal is about credit. */
export const isAboutCredit = (body: unknown): boolean =>
  /credit/i.test(refusal.safeParse(body).data?.error ?? "");

const health = z.looseObject({ is_logged_in: z.boolean() });

/** Whether the key is accepted; null when this is no answer of auth/health. */
export const readHealth = (body: unknown): boolean | null =>
  health.safeParse(body).data?.is_logged_in ?? null;
