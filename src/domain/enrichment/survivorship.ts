/** Which of several values of an attribute becomes the golden record's: stated rules, pure. */
import { contactRules } from "./contact-survivorship.ts";
import { byTrust, isKnown, type Statement } from "./statement.ts";

/** An attribute of the golden record, with where it comes from. */
export interface Survivor extends Omit<Statement, "field" | "attributes"> {
  value: unknown;
}

/**
 * Sources in the order in which they are believed, for the attributes where one is the authority. Everywhere else
 * the higher confidence wins, then what was said of the prospect itself, then the newer observation.
 */
const AUTHORITIES: Readonly<Record<string, readonly string[]>> = {
  name: ["onrc", "anaf"],
  registrationNumber: ["onrc", "anaf"],
  legalForm: ["onrc", "anaf"],
  registeredOn: ["onrc", "anaf"],
  address: ["anaf", "onrc"],
  postalCode: ["anaf", "onrc"],
};

/**
 * What goes with the business under whatever tax id: its site, its contacts, its land. Of a merged-away prospect only
 * this survives; its registration, taxes and statements are those of another legal person.
 */
const BUSINESS_FIELDS: ReadonlySet<string | null> = new Set([
  "web-discovery",
  "web-content",
  "tech-detection",
  "email-discovery",
  "email-verification",
  "phone-validation",
  "farmer-registry",
  "land-improvement",
]);
const BUSINESS_ATTRIBUTES: ReadonlySet<string> = new Set(["website", "phone"]);

/** The golden record: for each attribute that anybody knows, the value that survives. Keys are sorted. */
export function survivors(statements: readonly Statement[]): Record<string, Survivor> {
  const isAboutOurContact = contactRules(statements);
  const best = new Map<string, Statement>();
  for (const statement of statements) {
    for (const [attribute, value] of Object.entries(statement.attributes)) {
      if (!isKnown(value) || !survivesMerge(statement, attribute)) continue;
      if (!isAboutOurContact(statement, attribute)) continue;
      const known = best.get(attribute);
      if (!known || byPreference(attribute, statement, known) < 0) best.set(attribute, statement);
    }
  }
  const attributes = [...best.keys()].sort();
  return Object.fromEntries(attributes.map((name) => [name, survivor(name, best.get(name) as Statement)]));
}

function survivesMerge({ field, mergedFrom }: Statement, attribute: string): boolean {
  return mergedFrom === undefined || BUSINESS_FIELDS.has(field) || BUSINESS_ATTRIBUTES.has(attribute);
}

function survivor(
  attribute: string,
  { field: _, attributes, mergedFrom, ...provenance }: Statement,
): Survivor {
  return { value: attributes[attribute], ...provenance, ...(mergedFrom ? { mergedFrom } : {}) };
}

function byPreference(attribute: string, a: Statement, b: Statement): number {
  const authorities = AUTHORITIES[attribute] ?? [];
  const rank = (source: string) =>
    authorities.includes(source) ? authorities.indexOf(source) : authorities.length;
  return rank(a.source) - rank(b.source) || byTrust(a, b);
}
