/** Names of companies as they are compared: without legal form, punctuation, diacritics and case. Pure. */
import { foldText } from "../registry/text.ts";

/** Legal forms and what joins words: they tell nobody apart. */
const FORM_WORDS = new Set(
  `srl srld sa scs snc sca ra pfa ii if oc sc cu societate societatea comerciala raspundere limitata pe actiuni
   persoana fizica autorizata intreprindere individuala familiala si de al a`.split(/\s+/),
);

/** Letters with dots between them, such as "S.R.L.", are one word. */
const DOTTED = /\b(?:[a-z]\.\s?){2,}(?:[a-z]\b\.?)?/g;

/** The words of a name that tell it apart from others, in their order. */
export function nameWords(name: string): string[] {
  const joined = foldText(name).replace(DOTTED, (letters) => `${letters.replace(/[^a-z]/g, "")} `);
  return (joined.match(/[a-z0-9]+/g) ?? []).filter((word) => !FORM_WORDS.has(word));
}

/** The form in which names are compared and indexed; idempotent. */
export const nameKey = (name: string): string => nameWords(name).join(" ");

/**
 * Names that may be the same share this: the beginning of their most telling (longest, then first in the alphabet)
 * word. Empty where a name has no word.
 */
export function blockKey(name: string): string {
  const [longest = ""] = nameWords(name).toSorted((a, b) => b.length - a.length || (a < b ? -1 : 1));
  return longest.slice(0, 5);
}

/** How alike two names are, from 0 to 1. 1: the same words, in whatever order. */
export function nameSimilarity(one: string, other: string): number {
  const a = nameWords(one);
  const b = nameWords(other);
  if (a.length === 0 || b.length === 0) return 0;
  if (a.toSorted().join(" ") === b.toSorted().join(" ")) return 1;
  const common = a.filter((word) => b.includes(word)).join("").length;
  const shorter = Math.min(a.join("").length, b.join("").length);
  const longer = Math.max(a.join("").length, b.join("").length);
  // One name within the other says a lot, but less than the same name.
  const within = common === shorter ? 0.75 + 0.2 * (shorter / longer) : 0;
  return Math.max(within, diceOfPairs(a.join(" "), b.join(" ")) * 0.95);
}

/** Sørensen–Dice coefficient of the pairs of neighbouring letters. */
function diceOfPairs(one: string, other: string): number {
  const pairs = (text: string) =>
    Array.from({ length: Math.max(0, text.length - 1) }, (_, at) => text.slice(at, at + 2));
  const left = pairs(one);
  const right = pairs(other);
  if (left.length + right.length === 0) return 0;
  const counts = new Map<string, number>();
  for (const pair of left) counts.set(pair, (counts.get(pair) ?? 0) + 1);
  let shared = 0;
  for (const pair of right) {
    const count = counts.get(pair) ?? 0;
    if (count === 0) continue;
    counts.set(pair, count - 1);
    shared += 1;
  }
  return (2 * shared) / (left.length + right.length);
}
