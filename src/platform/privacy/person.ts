/** Who it is that asks for their data, or for its end: what they name, and what we know them by. */
import type { Tx } from "#db/client.ts";
import { prospectsOfContacts } from "#db/queries/objections.ts";
import { type Search, soleTraders } from "#db/queries/personal-data.ts";
import { InvalidInputError, NotFoundError } from "#src/domain/errors.ts";
import { type Contact, contactKey } from "#src/domain/privacy/contact-key.ts";
import { numberPattern, pattern, type Traces } from "#src/domain/privacy/traces.ts";

/** At least one is given. A company is no person: its people are named by their own address or number. */
export interface PersonRef {
  email?: string | undefined;
  phone?: string | undefined;
  /** Of a sole trader (PFA, II, IF). */
  cui?: string | undefined;
  /** Of a prospect that is a sole trader. */
  prospectId?: string | undefined;
}

export interface KnownPerson {
  /** Prospects that are the person. */
  prospectIds: string[];
  /** Of those, for the registers that know no tax ids. */
  places: { cui: number; name: string; county: string | null; locality: string | null }[];
  traces: Traces;
}

/** The contacts that are named, each in its one spelling. @throws InvalidInputError where one is none of its kind */
export function namedContacts(person: PersonRef): Contact[] {
  const kinds = ["email", "phone", "cui"] as const;
  return kinds.flatMap((kind) => {
    const given = person[kind];
    if (given === undefined) return [];
    const value = contactKey({ kind, value: given });
    if (value !== null) return [{ kind, value }];
    throw new InvalidInputError("not_a_contact", `This is no ${NAMES[kind]}.`, { field: `person.${kind}` });
  });
}

const NAMES = { email: "e-mail address", phone: "phone number", cui: "tax id (CUI)" };

/**
 * What the person is known by here. Of a sole trader that is also the name, and how the business is reached.
 * @throws InvalidInputError when a tax id or prospect is a company's; NotFoundError when there is no such prospect
 */
export async function knownPerson(tx: Tx, person: PersonRef): Promise<KnownPerson> {
  const contacts = namedContacts(person);
  const namedAs = (kind: Contact["kind"]) => contacts.find((each) => each.kind === kind)?.value;
  const [cui, prospectId] = [namedAs("cui"), person.prospectId];
  const named =
    cui || prospectId
      ? await prospectsOfContacts(tx, {
          ...(cui ? { cui: Number(cui) } : {}),
          ...(prospectId ? { id: prospectId } : {}),
        })
      : [];
  if (prospectId && !named.some(({ id }) => id === prospectId))
    throw new NotFoundError("prospect_not_found", "There is no such prospect.");
  const meant = named.filter(({ id, cui: own }) => id === prospectId || String(own) === cui);
  if (meant.some(({ isNaturalPerson }) => !isNaturalPerson)) {
    const message = "This is a company: name the person by their own e-mail address or phone number.";
    throw new InvalidInputError("not_a_person", message, { field: "person" });
  }
  const traders = await soleTraders(
    tx,
    meant.map(({ id }) => id),
  );
  const given = (kind: "email" | "phone") => [namedAs(kind)].filter((value) => value !== undefined);
  const distinct = <T>(items: readonly T[]): T[] => [...new Set(items)];
  return {
    prospectIds: traders.map(({ id }) => id),
    places: traders.map(({ cui, name, county, locality }) => ({ cui, name, county, locality })),
    traces: {
      emails: distinct([...given("email"), ...traders.flatMap(({ emails }) => emails)]),
      phones: distinct([...given("phone"), ...traders.flatMap(({ phones }) => phones)]),
      cuis: distinct([...(cui ? [Number(cui)] : []), ...traders.map(({ cui }) => cui)]),
      names: distinct(traders.map(({ name }) => name)),
    },
  };
}

/** What finds them in our tables. There is always something: a person is named by at least one contact or is a prospect. */
export const searchOf = ({ traces }: KnownPerson): Search => ({
  pattern: pattern(traces) ?? "(?!)",
  numbers: numberPattern(traces),
});
