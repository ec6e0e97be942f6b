/**
 * How to find a person in text of any kind: one regular expression (of Postgres' advanced kind) for the ways in which an
 * e-mail address, a phone number, a tax id or a name may be written. Pure.
 */

/** What a person is recognised by. All in their one spelling, see contact-key.ts; names as registered. */
export interface Traces {
  emails: readonly string[];
  /** E.164. */
  phones: readonly string[];
  /** Of sole traders. */
  cuis: readonly number[];
  /** Of sole traders, in full: with the legal form, so that a namesake is somebody else. */
  names: readonly string[];
}

/** Between the digits of a phone number as people write it; no quote, so that no match leaves a JSON string. */
const GAP = "[ ./()-]{0,3}";
/** Between the words of a name. */
const BREAK = '[^[:alnum:]"\\\\]+';
/** The same letter, as registers, people and old code pages write it. */
const LETTERS: Record<string, string> = {
  a: "[aăâáà]",
  i: "[iîí]",
  s: "[sșş]",
  t: "[tțţ]",
};
const FOLDED: Record<string, string> = { ă: "a", â: "a", î: "i", ș: "s", ş: "s", ț: "t", ţ: "t" };

/**
 * Matches, without regard to case, whatever is written of these. Null: there is nothing to look for. No match reaches
 * over the end of a JSON string.
 */
export function pattern({ emails, phones, cuis, names }: Traces): string | null {
  const parts = [
    ...emails.map((email) => `(?<![a-z0-9._%+-])${escaped(email)}(?![a-z0-9-])`),
    ...phones.map(phonePattern),
    ...cuis.map((cui) => `(?<![0-9])(?:RO ?)?${cui}(?![0-9])`),
    ...names.map(namePattern),
  ];
  return parts.length === 0 ? null : `(?:${parts.join("|")})`;
}

/** The tax ids where JSON holds them as numbers: with what stands before, which is kept. */
export const numberPattern = ({ cuis }: Traces): string | null =>
  cuis.length === 0 ? null : `([:\\[,]\\s*)(?:${cuis.join("|")})(?=\\s*[,}\\]])`;

function phonePattern(e164: string): string {
  const digits = e164.replace(/\D/g, "");
  const spaced = (text: string) => [...text].join(GAP);
  // At home the number begins with 0.
  if (digits.startsWith("40")) {
    const country = `(?:(?:\\+|00)?${GAP}4${GAP}0${GAP}|${GAP}0${GAP})?`;
    return `(?<![0-9])${country}${spaced(digits.slice(2))}(?![0-9])`;
  }
  return `(?<![0-9])(?:\\+|00)?${GAP}${spaced(digits)}(?![0-9])`;
}

function namePattern(name: string): string {
  const words = name.match(/[\p{L}\p{N}]+/gu) ?? [];
  return `(?<![[:alnum:]])${words.map(wordPattern).join(BREAK)}(?![[:alnum:]])`;
}

const wordPattern = (word: string): string =>
  [...word.toLowerCase()].map((letter) => LETTERS[FOLDED[letter] ?? letter] ?? letter).join("");

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\-]/g, "\\$&");
