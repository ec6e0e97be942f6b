/**
 * Personal numbers (CNP): 13 digits, the first 1 to 9. They are never stored, logged or echoed, so this masks
 * what merely looks like one too; a wrong check digit does not save it.
 */

/** What stands where a personal number stood. */
export const MASK = "[CNP]";

// Digit groups with at most one separator between two of them.
const DIGIT_RUN = /[0-9](?:[ .\-/_,:\u2010-\u2015]?[0-9]){12,}/g;
const GROUPS = /[0-9]+/g;

/**
 * The text with every personal number in it replaced by `[CNP]`: 13 digits in a row or written with single
 * spaces, dots, dashes or slashes between digits, also glued to letters, also in full-width or other Unicode
 * digits, also with invisible characters between. Longer runs of digits are masked as well, because one may
 * hide in them; phone numbers written with 00 and a country code stay. Text without one comes back unchanged.
 */
export function maskPersonalNumbers(text: string): string {
  if (text.length < 13) return text;
  let digits = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code >= 48 && code <= 57) digits++;
    // Beyond Latin letters there may be other digits, or characters that one does not see.
    else if (code > 0x7e && (code < 0xc0 || code > 0x24f)) return maskUnusual(text);
  }
  return digits < 13 ? text : maskAscii(text);
}

/** A JSON value with the personal numbers of all its strings masked; keys, numbers and the rest as they are. */
export function maskPersonalNumbersDeep<T>(value: T): T {
  if (typeof value === "string") return maskPersonalNumbers(value) as T;
  if (Array.isArray(value)) return value.map((item) => maskPersonalNumbersDeep(item)) as T;
  if (value === null || typeof value !== "object" || value instanceof Date) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, maskPersonalNumbersDeep(item)]),
  ) as T;
}

/** Whether the text holds what {@link maskPersonalNumbers} would mask. */
export const hasPersonalNumber = (text: string): boolean => maskPersonalNumbers(text) !== text;

function maskUnusual(given: string): string {
  // As it stands first: an invisible character may also part a personal number from other digits.
  const text = maskAscii(given);
  const plain = text
    .normalize("NFKC")
    .replace(/[\p{Cf}\p{Mn}\p{Me}]/gu, "")
    .replace(/[^\P{Nd}0-9]/gu, asciiDigit);
  const masked = maskAscii(plain);
  return masked === plain ? text : masked;
}

// Unicode keeps the ten digits of each script in a row, zero first.
function asciiDigit(digit: string): string {
  const code = digit.codePointAt(0) as number;
  let zero = code;
  while (code - zero < 9 && /^\p{Nd}$/u.test(String.fromCodePoint(zero - 1))) zero--;
  return String(code - zero);
}

// Until nothing is left to mask: what stood beside a masked number may be one of its own.
function maskAscii(text: string): string {
  const masked = text.replace(DIGIT_RUN, maskRun);
  return masked === text ? text : maskAscii(masked);
}

function maskRun(run: string): string {
  const groups = [...run.matchAll(GROUPS)].map((match) => ({ digits: match[0], start: match.index }));
  let masked = "";
  let kept = 0;
  for (let first = 0; first < groups.length; first++) {
    const last = endOfPersonalNumber(groups, first);
    if (last === null) continue;
    const from = groups[first] as Group;
    const to = groups[last] as Group;
    masked += run.slice(kept, from.start) + MASK;
    kept = to.start + to.digits.length;
    first = last;
  }
  return masked + run.slice(kept);
}

interface Group {
  digits: string;
  start: number;
}

// The group that ends a personal number which starts with group `first`, if one does.
function endOfPersonalNumber(groups: Group[], first: number): number | null {
  let digits = "";
  for (let last = first; last < groups.length; last++) {
    digits += (groups[last] as Group).digits;
    if (digits.length < 13) continue;
    if (last === first) return isMaskedNumber(digits) ? last : null;
    if (digits.length > 13 || digits.startsWith("0")) return null;
    const wholeRun = first === 0 && last === groups.length - 1;
    // In a longer row of groups (a list of phone numbers, a table) only what reads as a date of birth.
    return wholeRun || hasBirthDate(digits) ? last : null;
  }
  return null;
}

function isMaskedNumber(digits: string): boolean {
  if (digits.length === 13) return !digits.startsWith("0");
  if (!digits.startsWith("00") || digits.length > 17) return true;
  for (let start = 0; start + 13 <= digits.length; start++) {
    if (digits[start] !== "0" && hasBirthDate(digits.slice(start, start + 13))) return true;
  }
  return false;
}

function hasBirthDate(digits: string): boolean {
  const month = Number(digits.slice(3, 5));
  const day = Number(digits.slice(5, 7));
  return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}
