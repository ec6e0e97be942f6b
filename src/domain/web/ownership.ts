/** Is this the company's own site? By its tax id or its name on the pages. Pure. */
import { foldText } from "../registry/text.ts";
import type { Page } from "./site.ts";

/** `tax_id`: its tax id stands there, which is as good as certain. `name`: its name does. */
export interface Ownership {
  proof: "tax_id" | "name" | "none";
  /** What stands there, with a few words around it. */
  snippet: string | null;
}

/** The words of a name that its owner may leave out: its legal form, and what joins words. */
const FORM_WORDS = new Set(
  `srl srld sa scs snc ra pfa ii if sc s c r l d p f i societate societatea comerciala cu raspundere limitata pe
   actiuni intreprindere individuala persoana fizica autorizata si`.split(/\s+/),
);

/** Shorter tax ids turn up by chance, so they must be named as one. */
const TELLING_DIGITS = 6;
const CONTEXT = 40;

/** What the pages prove, the best first. */
export function ownershipOf(company: { cui: number; name: string }, pages: readonly Page[]): Ownership {
  const texts = pages.map(({ title, description, text }) =>
    [title, description, text].filter(Boolean).join(" "),
  );
  for (const text of texts) {
    const at = findTaxId(text, company.cui);
    if (at) return { proof: "tax_id", snippet: snippetOf(text, at.index, at.length) };
  }
  for (const text of texts) {
    const at = findName(text, company.name);
    if (at !== null) return { proof: "name", snippet: snippetOf(text, at, company.name.length) };
  }
  return { proof: "none", snippet: null };
}

/** A piece of the text around a place, a line that can be shown. */
export function snippetOf(text: string, index: number, length: number): string {
  const from = Math.max(0, index - CONTEXT);
  const to = Math.min(text.length, index + length + CONTEXT);
  return `${from > 0 ? "…" : ""}${text.slice(from, to).trim()}${to < text.length ? "…" : ""}`;
}

function findTaxId(text: string, cui: number): { index: number; length: number } | null {
  const digits = String(cui);
  // Some write "RO 123 456 78". Not as part of a longer number, a phone number or a price.
  const spaced = [...digits].join("[ .]?");
  const label =
    "\\b(?:c\\.?u\\.?i\\.?|c\\.?i\\.?f\\.?|cod(?:ul)? (?:unic|fiscal)[^0-9]{0,40}|vat|tva|ro)\\s*[:.\\-#]?\\s*(?:ro\\s?)?";
  const named = new RegExp(`${label}${spaced}(?![\\d])`, "iu").exec(text);
  if (named) return { index: named.index, length: named[0].length };
  if (digits.length < TELLING_DIGITS) return null;
  const bare = new RegExp(`(?<![\\d+./-]|\\d )${digits}(?![\\d/-]|[ .]\\d)`, "u").exec(text);
  return bare ? { index: bare.index, length: bare[0].length } : null;
}

const wordsOf = (text: string) =>
  [...foldText(text).matchAll(/[a-z0-9]+/g)].filter(([word]) => !FORM_WORDS.has(word));

/** Where the name's words stand in a row, its legal form left out. */
function findName(text: string, name: string): number | null {
  const wanted = wordsOf(name).map(([word]) => word);
  const letters = wanted.join("").length;
  // One short word is no proof of anything.
  if (letters < 5 || (wanted.length === 1 && letters < 8)) return null;
  const found = wordsOf(text);
  for (let start = 0; start + wanted.length <= found.length; start++) {
    if (wanted.every((word, offset) => found[start + offset]?.[0] === word))
      return found[start]?.index ?? null;
  }
  return null;
}
