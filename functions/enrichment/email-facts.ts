/** Which address a company's mail is to go to, out of what providers and its site say; and what became of checking it. */
import { z } from "zod";
import type { Target } from "#db/queries/field-values.ts";
import {
  type EmailKind,
  emailAddress,
  emailKindOf,
  isForBusiness,
} from "#src/domain/contact/email-address.ts";
import type { HunterFinding } from "#src/providers/hunter/schemas.ts";
import type { ZeroBounceResult } from "#src/providers/zerobounce/schemas.ts";

/** Below this a finder's address is a guess, which we do not take (issue 5). */
export const MIN_SCORE_PCT = 80;

export const EmailDiscovery = z.object({
  email: z.string().nullable(),
  /** `generic`: a mailbox of the firm. `personal`: somebody's own, and personal data. */
  emailKind: z.enum(["generic", "personal"]).nullable(),
  /** How sure the provider is that the address is right, 0 to 100. */
  emailScore: z.int().min(0).max(100).nullable(),
  /** Whose personal address it is; or who wants no contact. Personal data. */
  emailContactName: z.string().nullable(),
  emailPosition: z.string().nullable(),
  /**
   * True: the person named has told a provider not to process their address. No address of theirs is known, looked for
   * or used.
   */
  emailDoNotContact: z.literal(true).nullable(),
});

export type EmailDiscovery = z.infer<typeof EmailDiscovery>;

/** Somebody whose address can be looked for by name. */
export interface ContactPerson {
  firstName: string;
  lastName: string;
  domain: string;
}

/** An address as the finders describe it. */
export interface FoundEmail {
  email: string;
  kind: EmailKind;
  scorePct: number;
  verification?: string;
  name?: string | null;
  position?: string | null;
}

const domain = z.object({ domain: z.string().min(1) });
const contact = z.object({ contactFirstName: z.string().min(1), contactLastName: z.string().min(1) });

/** The company's own domain, as web discovery has found it. */
export const domainOf = ({ values }: Pick<Target, "values">): string | null =>
  domain.safeParse(values["web-discovery"]).data?.domain ?? null;

/** The contact person that some field knows by name, at the company's domain; null unless both are known. */
export function contactPersonOf({ values }: Pick<Target, "values">): ContactPerson | null {
  const at = domainOf({ values });
  for (const value of Object.values(values)) {
    const person = contact.safeParse(value).data;
    if (at && person)
      return { firstName: person.contactFirstName, lastName: person.contactLastName, domain: at };
  }
  return null;
}

interface Picked {
  value: EmailDiscovery;
  confidencePct: number;
}

/** The best of those that are good enough: the firm's own mailbox before anybody's. Null: none is. */
export function pickEmail(emails: readonly FoundEmail[]): Picked | null {
  const [best] = emails
    .filter(
      ({ email, scorePct, verification }) =>
        scorePct >= MIN_SCORE_PCT && verification !== "invalid" && isForBusiness(email),
    )
    .toSorted((a, b) => rankOf(a.kind) - rankOf(b.kind) || b.scorePct - a.scorePct);
  if (!best) return null;
  const isPersonal = best.kind === "personal";
  return {
    value: {
      email: best.email,
      emailKind: best.kind,
      emailScore: best.scorePct,
      emailContactName: isPersonal ? (best.name ?? null) : null,
      emailPosition: isPersonal ? (best.position ?? null) : null,
      emailDoNotContact: null,
    },
    confidencePct: best.scorePct,
  };
}

/** What a search by name came to. That the person wants no contact is a find: nobody else is asked about them. */
export function pickFinding(finding: HunterFinding, person: ContactPerson | null): Picked | null {
  if (!finding.claimed) return pickEmail([finding.email]);
  const emailContactName = person && `${person.firstName} ${person.lastName}`;
  return { value: { ...NO_CONTACT, emailContactName }, confidencePct: 100 };
}

const NO_CONTACT: EmailDiscovery = {
  email: null,
  emailKind: null,
  emailScore: null,
  emailContactName: null,
  emailPosition: null,
  emailDoNotContact: true,
};

/** Fields that may know an address, the one to believe first: a firm's own page says what it wants to be used. */
const FIELDS_WITH_EMAIL = ["web-content", "email-discovery"];
const withEmail = z.object({ email: emailAddress });

/**
 * The addresses that are known of a company, the best first, each once: mailboxes of the firm before those of people.
 * Of a firm where somebody wants no contact, mailboxes of the firm only: whose the others are is not certain.
 */
export function emailCandidates({ values }: Pick<Target, "values">): string[] {
  const fields = [...new Set([...FIELDS_WITH_EMAIL, ...Object.keys(values).toSorted()])];
  const addresses = fields.flatMap((field) => withEmail.safeParse(values[field]).data?.email ?? []);
  const firmOnly = values["email-discovery"]?.emailDoNotContact === true;
  return [...new Set(addresses)]
    .filter((address) => isForBusiness(address) && !(firmOnly && emailKindOf(address) === "personal"))
    .toSorted((a, b) => rankOf(emailKindOf(a)) - rankOf(emailKindOf(b)));
}

const rankOf = (kind: EmailKind): number => (kind === "generic" ? 0 : 1);

/**
 * - `catch_all`: the server takes mail for any name, so nobody can tell. - `unknown`: the server did not say; this is
 *   never `invalid`.
 * - `role_based`: a mailbox of the firm, such as office@: it can be written to, but not as to a person.
 * - `do_not_mail`: disposable, toxic, or on the verifier's own list. - `spamtrap`, `abuse`: writing there does harm.
 */
const EMAIL_STATUSES = [
  "valid",
  "invalid",
  "catch_all",
  "unknown",
  "role_based",
  "do_not_mail",
  "spamtrap",
  "abuse",
] as const;

export type EmailStatus = (typeof EMAIL_STATUSES)[number];

export const EmailVerification = z.object({
  /** The address that all this is about, unless it is not to be written to: then null. */
  email: z.string().nullable(),
  /** The address that all this is about. */
  emailChecked: z.string(),
  /** The mailbox exists. False says no more than that this was not found out: see the status. */
  emailVerified: z.boolean(),
  emailStatus: z.enum(EMAIL_STATUSES),
  /** In the verifier's words, such as "mailbox_not_found". */
  emailSubStatus: z.string().nullable(),
});

export type EmailVerification = z.infer<typeof EmailVerification>;

/** How sure we are of what was found out; of "unknown" and "catch_all" that is little. */
const CONFIDENCE_PCT: Record<EmailStatus, number> = {
  valid: 99,
  invalid: 99,
  spamtrap: 99,
  abuse: 99,
  do_not_mail: 95,
  role_based: 85,
  catch_all: 60,
  unknown: 50,
};

const NOT_TO_BE_USED: ReadonlySet<EmailStatus> = new Set(["invalid", "do_not_mail", "spamtrap", "abuse"]);

/** What a verifier's result means for us. */
export function verificationOf(result: ZeroBounceResult): {
  value: EmailVerification;
  confidencePct: number;
} {
  const emailStatus = statusOf(result);
  return {
    value: {
      email: NOT_TO_BE_USED.has(emailStatus) ? null : result.address,
      emailChecked: result.address,
      emailVerified: emailStatus === "valid",
      emailStatus,
      emailSubStatus: result.subStatus,
    },
    confidencePct: CONFIDENCE_PCT[emailStatus],
  };
}

function statusOf({ status, subStatus }: ZeroBounceResult): EmailStatus {
  if (status === "catch-all") return "catch_all";
  if (status !== "do_not_mail") return status;
  if (subStatus === "role_based") return "role_based";
  return subStatus === "role_based_catch_all" ? "catch_all" : "do_not_mail";
}
