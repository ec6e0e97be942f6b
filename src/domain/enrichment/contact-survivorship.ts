/**
 * The one e-mail address and the one phone number of a golden record, and what goes with them. Pure.
 *
 * - What the checking field says of a prospect's address stands, also that none can be used; then only another
 *   address that was seen since takes its place.
 * - Of several addresses (of merged prospects), a checked one comes first, then the usual order.
 * - What is said of an address goes with that address: details of any other do not survive.
 * - Where somebody wants no contact, nobody's personal address survives: whose it is is not certain.
 */
import { emailKindOf } from "../contact/email-address.ts";
import { byTrust, isKnown, type Statement } from "./statement.ts";

interface Contact {
  /** The attribute that holds it. */
  address: string;
  /** The field that checks it. */
  checkedBy: string;
  /** Where that field says which address it is about if that can not be used; null: nowhere. */
  checked: string | null;
  /** What goes with it. */
  details: readonly string[];
}

const CONTACTS: readonly Contact[] = [
  {
    address: "email",
    checkedBy: "email-verification",
    checked: "emailChecked",
    details: [
      ...["emailKind", "emailScore", "emailContactName", "emailPosition"],
      ...["emailChecked", "emailVerified", "emailStatus", "emailSubStatus"],
    ],
  },
  { address: "phone", checkedBy: "phone-validation", checked: null, details: ["phones", "phoneType"] },
];

/** Whether a statement may tell an attribute: always, unless it is of a contact that the record will not have. */
export function contactRules(
  statements: readonly Statement[],
): (statement: Statement, attribute: string) => boolean {
  const noPersons = statements.some(({ attributes }) => attributes.emailDoNotContact === true);
  const rules = new Map<string, (statement: Statement) => boolean>();
  for (const contact of CONTACTS) {
    const mayTell = (statement: Statement) =>
      namesUsable(contact, statement, statements) && !(noPersons && isPersonal(contact, statement));
    const [chosen] = statements
      .filter((each) => isKnown(each.attributes[contact.address]) && mayTell(each))
      .toSorted((a, b) => Number(isCheck(contact, b)) - Number(isCheck(contact, a)) || byTrust(a, b));
    rules.set(contact.address, (statement) => statement === chosen);
    for (const detail of contact.details) {
      rules.set(detail, (statement) =>
        chosen ? sameAddress(contact, statement, chosen) : isRefusal(contact, statement),
      );
    }
  }
  return (statement, attribute) => rules.get(attribute)?.(statement) ?? true;
}

const isCheck = ({ checkedBy }: Contact, { field }: Statement) => field === checkedBy;

/** The check's own word is about whichever address it names; another's is held against the check of its prospect. */
function namesUsable(contact: Contact, statement: Statement, statements: readonly Statement[]): boolean {
  if (isCheck(contact, statement)) return true;
  const check = statements.find((each) => isCheck(contact, each) && each.mergedFrom === statement.mergedFrom);
  if (!check) return true;
  if (isKnown(check.attributes[contact.address]) || contact.checked === null) return false;
  return (
    statement.observedAt > check.observedAt &&
    statement.attributes[contact.address] !== check.attributes[contact.checked]
  );
}

const isPersonal = ({ address }: Contact, { attributes }: Statement): boolean =>
  address === "email" && emailKindOf(String(attributes.email)) === "personal";

function sameAddress(contact: Contact, statement: Statement, chosen: Statement): boolean {
  return subjectOf(contact, statement) === chosen.attributes[contact.address];
}

function subjectOf({ address, checked }: Contact, { attributes }: Statement): unknown {
  return attributes[address] ?? (checked === null ? null : attributes[checked]);
}

/** The check found that none can be used: why, is worth knowing. */
const isRefusal = (contact: Contact, statement: Statement): boolean =>
  isCheck(contact, statement) && !isKnown(statement.attributes[contact.address]);
