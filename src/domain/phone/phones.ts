/**
 * Phone numbers of Romanian companies as people write them: split, brought to E.164, told by type. From the numbering
 * plan alone (libphonenumber-js with its full metadata; the default build knows no types). Pure.
 */
import { type NumberType, type PhoneNumber, parsePhoneNumberFromString } from "libphonenumber-js/max";

/**
 * `uan`: not bound to a place (037x in Romania): a switchboard, an internet line, or a landline that was ported there.
 * `unknown`: the plan does not say.
 */
export type PhoneType =
  | "mobile"
  | "landline"
  | "voip"
  | "uan"
  | "shared_cost"
  | "toll_free"
  | "premium"
  | "other"
  | "unknown";

export interface Phone {
  /** E.164; of an invalid number what its digits would make, to be recognised by. */
  e164: string;
  type: PhoneType;
  valid: boolean;
  /** The field that it came from. */
  source: string;
}

const TYPES: Partial<Record<NonNullable<NumberType>, PhoneType>> = {
  MOBILE: "mobile",
  FIXED_LINE: "landline",
  VOIP: "voip",
  UAN: "uan",
  SHARED_COST: "shared_cost",
  TOLL_FREE: "toll_free",
  PREMIUM_RATE: "premium",
  PERSONAL_NUMBER: "other",
  PAGER: "other",
  VOICEMAIL: "other",
};

/** Which to call first. Premium numbers are for others to call; nobody calls them for business. */
const PREFERENCE: readonly PhoneType[] = [
  "mobile",
  "landline",
  "voip",
  "uan",
  "unknown",
  "shared_cost",
  "toll_free",
  "other",
];
/** Types that the plan leaves in doubt, and a look-up would tell. */
const DOUBTFUL: ReadonlySet<PhoneType> = new Set(["uan", "voip", "unknown"]);

/** All numbers of the texts, each once, in their order. Digits that make no number at all are left out. */
export function readPhones(texts: readonly { text: string; source: string }[]): Phone[] {
  const phones = new Map<string, Phone>();
  for (const { text, source } of texts) {
    for (const piece of splitNumbers(text)) {
      const parsed = parse(piece);
      if (!parsed || phones.has(parsed.number)) continue;
      const valid = parsed.isValid();
      const type = (valid && TYPES[parsed.getType() ?? "PAGER"]) || "unknown";
      phones.set(parsed.number, { e164: parsed.number, type, valid, source });
    }
  }
  return [...phones.values()];
}

/** The one to call: valid, a mobile before a landline before the rest; null if there is none. */
export function bestPhone(phones: readonly Phone[]): Phone | null {
  const rank = ({ type }: Phone) => PREFERENCE.indexOf(type);
  const callable = phones.filter(({ valid, type }) => valid && type !== "premium");
  return callable.toSorted((a, b) => rank(a) - rank(b))[0] ?? null;
}

/**
 * The number worth paying a look-up for: only the best one, and only where the plan leaves its type in doubt. A number
 * that was ported from one network to another is of the same type as before, so porting alone is no doubt.
 */
export function phoneInDoubt(phones: readonly Phone[]): Phone | null {
  const best = bestPhone(phones);
  return best && DOUBTFUL.has(best.type) ? best : null;
}

/** The numbers with what a look-up said of one of them; a type that it does not know leaves ours. */
export const withLookup = (
  phones: readonly Phone[],
  { e164, valid, type }: { e164: string; valid: boolean; type: PhoneType },
): Phone[] =>
  phones.map((phone) =>
    phone.e164 === e164 ? { ...phone, valid, type: type === "unknown" ? phone.type : type } : phone,
  );

const parse = (text: string): PhoneNumber | undefined => parsePhoneNumberFromString(text, "RO");
const isNumber = (text: string): boolean => parse(text)?.isValid() ?? false;

/**
 * A field's text cut into single numbers: "0244.123.456/0722123456" is two, "0244/123456" is one, and so is
 * "0722 123 456". What is neither stays as it is.
 */
export function splitNumbers(text: string): string[] {
  return text
    .slice(0, 500)
    .split(/[,;|\n]|\s+(?:sau|si|și|or|and)\s+/i)
    .flatMap(joinSlashed)
    .flatMap(splitRow)
    .filter((piece) => piece.replace(/\D/g, "").length >= 6);
}

/** A slash parts two numbers, or the area code from the rest. */
function joinSlashed(piece: string): string[] {
  const [first = "", ...rest] = piece.split("/").map((part) => part.trim());
  const numbers = [first];
  for (const part of rest) {
    const last = numbers.at(-1) as string;
    if (!isNumber(last) && isNumber(last + part)) numbers[numbers.length - 1] = last + part;
    else numbers.push(part);
  }
  return numbers;
}

/** "0722123456 0733123456", "0722123456-0733123456": two in a row, with nothing but spaces or dashes between. */
function splitRow(piece: string): string[] {
  if (isNumber(piece)) return [piece];
  const digits = piece.replace(/[^\d+]/g, "");
  const row = digits.match(/(?:\+40|0040|0)[1-9]\d{8}/g) ?? [];
  return row.length > 1 && row.join("") === digits ? row : [piece];
}
