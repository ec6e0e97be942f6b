/**
 * What ZeroBounce answers about an address, and what we make of it. Sources as in client.ts. Of the person behind it
 * (name, gender, city) nothing is kept.
 */
import { z } from "zod";
import { emailAddress } from "#src/domain/contact/email-address.ts";
import { text } from "../lenient.ts";

const STATUSES = ["valid", "invalid", "catch-all", "unknown", "spamtrap", "abuse", "do_not_mail"] as const;

export interface ZeroBounceResult {
  address: string;
  /** A status that we do not know counts as `unknown`. */
  status: (typeof STATUSES)[number];
  /** Such as "role_based" or "mailbox_not_found"; new ones turn up now and then. */
  subStatus: string | null;
  /** A mailbox of Gmail, Yahoo and the like. */
  freeEmail: boolean | null;
  /** The address that was meant, where a typing error is likely. */
  didYouMean: string | null;
  /** Whether the domain receives mail at all. */
  mxFound: boolean | null;
}

/** "true" and "True" are true, too. */
const flag = z
  .preprocess((value) => {
    const word = typeof value === "string" ? value.trim().toLowerCase() : value;
    if (word === "true") return true;
    return word === "false" ? false : word;
  }, z.boolean().nullable())
  .catch(null);

const result = z
  .looseObject({
    address: emailAddress,
    status: z.string().transform((word) => STATUSES.find((status) => status === word.trim().toLowerCase())),
    sub_status: text.catch(null),
    free_email: flag,
    did_you_mean: emailAddress.nullable().catch(null),
    mx_found: flag,
  })
  .transform(
    (raw): ZeroBounceResult => ({
      address: raw.address,
      status: raw.status ?? "unknown",
      subStatus: raw.sub_status,
      freeEmail: raw.free_email,
      didYouMean: raw.did_you_mean,
      mxFound: raw.mx_found,
    }),
  );

/** @returns null when this is no result */
export const readResult = (body: unknown): ZeroBounceResult | null => result.safeParse(body).data ?? null;

const batch = z.looseObject({
  email_batch: z.array(z.unknown()).nullish(),
  errors: z.array(z.unknown()).nullish(),
});

/** Results by address; an item that we cannot read is left out. Null: this is no answer about a batch. */
export function readBatch(body: unknown): Map<string, ZeroBounceResult> | null {
  const parsed = batch.safeParse(body);
  if (!parsed.success || (!parsed.data.email_batch && !parsed.data.errors)) return null;
  const results = (parsed.data.email_batch ?? []).map(readResult).filter((item) => item !== null);
  return new Map(results.map((item) => [item.address, item]));
}

const refusal = z.looseObject({ error: z.string() });

/** Why the whole request was refused, in an answer with status 200; null when it was not. */
export function readRefusal(body: unknown): string | null {
  const single = refusal.safeParse(body);
  if (single.success) return single.data.error;
  const parsed = batch.safeParse(body);
  if (!parsed.success || (parsed.data.email_batch ?? []).length > 0) return null;
  const [first] = parsed.data.errors ?? [];
  return refusal.safeParse(first).data?.error ?? null;
}

const credits = z.looseObject({ Credits: z.coerce.number() });

/** Credits left; -1 for a key that does not exist. Null: this is no balance. */
export const readCredits = (body: unknown): number | null => credits.safeParse(body).data?.Credits ?? null;
