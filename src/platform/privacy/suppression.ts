/**
 * Whom nobody contacts any more, for ever. What is kept are keyed hashes: with the table alone nobody can tell who is on
 * it, nor try addresses; whether one is on it can be asked. Why: docs/decisions/0018-audit-and-privacy.md.
 */
import { createHmac, randomBytes } from "node:crypto";
import type { Tx } from "#db/client.ts";
import { markObjected, prospectsOfContacts } from "#db/queries/objections.ts";
import {
  findSuppressions,
  type HashedContact,
  insertPepper,
  insertSuppressions,
  readPepper,
  type Suppression,
} from "#db/queries/suppressions.ts";
import type { SuppressionReason } from "#db/schema/suppressions.ts";
import { InvalidInputError, NotFoundError } from "#src/domain/errors.ts";
import { type Contact, contactKey, suppressingContacts } from "#src/domain/privacy/contact-key.ts";
import type { Vault } from "#src/platform/vault.ts";

const PEPPER_BYTES = 32;
const FIELD = "suppression_peppers.sealed";

export interface SuppressionDeps {
  vault: Pick<Vault, "seal" | "open">;
}

export interface SuppressionCause {
  reason: SuppressionReason;
  /** What told us, such as "api" or "resend". */
  source: string;
  /** The principal's id, or the name of the part of us. */
  by: string;
}

/**
 * Puts contacts on the list; those that are on it stay as they are. Returns how many are new.
 * @throws InvalidInputError when one is no contact of its kind: then none is added
 */
export async function suppress(
  tx: Tx,
  deps: SuppressionDeps,
  workspaceId: string,
  contacts: readonly Contact[],
  cause: SuppressionCause,
): Promise<number> {
  const keys = contacts.map((contact, n) => {
    const value = contactKey(contact);
    if (value !== null) return { kind: contact.kind, value };
    // Not the value itself: it may be somebody's.
    throw new InvalidInputError("not_a_contact", `Number ${n + 1} is no ${NAMES[contact.kind]}.`, {
      field: `contacts.${n}.value`,
    });
  });
  const pepper = await ensurePepper(tx, deps, workspaceId);
  return insertSuppressions(
    tx,
    keys.map((key) => hashed(pepper, key)),
    cause,
  );
}

const NAMES: Record<Contact["kind"], string> = {
  email: "e-mail address",
  domain: "domain name",
  phone: "phone number that the numbering plan knows",
  cui: "tax id (CUI)",
};

/**
 * For each contact the entry that it is suppressed by, or null: by itself, or by the domain that it is at. What is no
 * contact at all is told as suppressed by nothing. Ask it right before anything is sent.
 */
export async function suppressedBy(
  tx: Tx,
  deps: SuppressionDeps,
  workspaceId: string,
  contacts: readonly Contact[],
): Promise<(Suppression | null)[]> {
  const pepper = await pepperOf(tx, deps, workspaceId);
  if (pepper === null) return contacts.map(() => null);
  const candidates = contacts.map((contact) =>
    suppressingContacts(contact).map((key) => hashed(pepper, key)),
  );
  const found = await findSuppressions(tx, candidates.flat());
  const byHash = new Map(found.map((entry) => [entry.hash, entry]));
  return candidates.map((list) => list.flatMap(({ hash }) => byHash.get(hash) ?? [])[0] ?? null);
}

/** Whether each of these contacts must not be used. */
export const isSuppressed = async (
  tx: Tx,
  deps: SuppressionDeps,
  workspaceId: string,
  contacts: readonly Contact[],
): Promise<boolean[]> => (await suppressedBy(tx, deps, workspaceId, contacts)).map((entry) => entry !== null);

/** Who objects: a prospect of ours, or whoever is reached there. */
export interface Objection {
  prospectId?: string | undefined;
  contact?: Contact | undefined;
}

/**
 * Somebody does not want to hear from us: suppresses how they are reached, and takes the prospects that are reached so out
 * of all work. Of the prospect that is named, and of sole traders, all that we know to reach them by is suppressed; of a
 * sole trader the tax id, too, so that a new import brings nobody back. A company's other contacts are other people's.
 * @throws NotFoundError when the prospect is none of ours, InvalidInputError when the contact is none
 */
export async function receiveObjection(
  tx: Tx,
  deps: SuppressionDeps,
  workspaceId: string,
  { prospectId, contact }: Objection,
  cause: SuppressionCause,
  now: Date,
): Promise<{ suppressed: number; prospectIds: string[] }> {
  const given = contact ? [contact] : [];
  const key = contact ? contactKey(contact) : null;
  const named = {
    ...(prospectId ? { id: prospectId } : {}),
    ...(contact && key !== null ? { [contact.kind]: contact.kind === "cui" ? Number(key) : key } : {}),
  };
  const prospects = await prospectsOfContacts(tx, named);
  if (prospectId && !prospects.some(({ id }) => id === prospectId))
    throw new NotFoundError("prospect_not_found", "There is no such prospect.");
  const persons = prospects.filter(({ id, isNaturalPerson }) => isNaturalPerson || id === prospectId);
  const contacts = [...given, ...persons.flatMap(contactsOf)];
  const suppressed = await suppress(tx, deps, workspaceId, contacts, cause);
  const prospectIds = prospects.map(({ id }) => id);
  await markObjected(tx, prospectIds, now);
  return { suppressed, prospectIds };
}

function contactsOf(prospect: Awaited<ReturnType<typeof prospectsOfContacts>>[number]): Contact[] {
  const { cui, isNaturalPerson, email, phone } = prospect;
  const known: (Contact | null)[] = [
    email === null ? null : { kind: "email", value: email },
    phone === null ? null : { kind: "phone", value: phone },
    isNaturalPerson ? { kind: "cui", value: String(cui) } : null,
  ];
  // What a register or a website holds need not be a number that exists.
  return known.filter((contact) => contact !== null && contactKey(contact) !== null) as Contact[];
}

/** The key of this workspace's hashes; null: nobody is suppressed. */
export async function pepperOf(tx: Tx, deps: SuppressionDeps, workspaceId: string): Promise<Buffer | null> {
  const sealed = await readPepper(tx);
  return sealed === null ? null : openPepper(deps, workspaceId, sealed);
}

/** What stands on the list for a contact; null: it is none of its kind. */
export function hashContact(pepper: Buffer, { kind, value }: Contact): string | null {
  const key = contactKey({ kind, value });
  return key === null ? null : hashed(pepper, { kind, value: key }).hash;
}

async function ensurePepper(tx: Tx, deps: SuppressionDeps, workspaceId: string): Promise<Buffer> {
  const known = await pepperOf(tx, deps, workspaceId);
  if (known !== null) return known;
  const fresh = randomBytes(PEPPER_BYTES).toString("base64");
  await insertPepper(tx, deps.vault.seal({ workspaceId, field: FIELD }, fresh));
  // Another request may have been first.
  return (await pepperOf(tx, deps, workspaceId)) as Buffer;
}

const openPepper = ({ vault }: SuppressionDeps, workspaceId: string, sealed: string): Buffer =>
  Buffer.from(vault.open({ workspaceId, field: FIELD }, sealed), "base64");

/** @param value in the contact's one spelling */
const hashed = (pepper: Buffer, { kind, value }: Contact): HashedContact => ({
  kind,
  hash: createHmac("sha256", pepper).update(`${kind}:${value}`).digest("hex"),
});
