/** Text of outside files as we keep it: one line, single spaces, Romanian letters as they are written today. */

const CEDILLA: Record<string, string> = {
  "\u015e": "\u0218",
  "\u015f": "\u0219",
  "\u0162": "\u021a",
  "\u0163": "\u021b",
};

// Plain already: printable ASCII and today's Romanian letters, no space at an end, none doubled.
const UNCLEAN = /[^\x20-\x7e\u0102\u0103\u00c2\u00e2\u00ce\u00ee\u0218-\u021b]|^ | $| {2}/;
// Control characters proper, and characters that one does not see: soft hyphen, zero width, direction marks.
const INVISIBLE = /\ufeff|(?![\s\u0085])[\p{Cc}\p{Cf}\ufffe\uffff]/gu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;

/**
 * Trimmed, white space collapsed to single spaces, cedilla letters (ş, ţ) to comma-below (ș, ț), decomposed
 * letters composed, characters that cannot be seen removed. Printable ASCII comes back as it is.
 */
export function cleanText(text: string): string {
  if (!UNCLEAN.test(text)) return text;
  return text
    .normalize("NFC")
    .replace(/[\u015e\u015f\u0162\u0163]/g, (letter) => CEDILLA[letter] as string)
    .replace(INVISIBLE, "")
    .replace(/[\s\u0085]+/g, " ")
    .trim();
}

/** Whether the text holds a control character other than tab: a sign of a damaged line. */
export const hasControlCharacters = (text: string): boolean => CONTROL.test(text);

/** For comparing: lower case, no diacritics, cleaned. `"  IALOMIŢA "` and `"Ialomița"` fold to the same. */
export function foldText(text: string): string {
  return cleanText(text)
    .normalize("NFD")
    .replace(/\p{Mn}/gu, "")
    .toLowerCase();
}

/** A county for comparing, without "județul", "jud." or "municipiul"; every sector of the capital is `bucuresti`. */
export function foldCounty(text: string): string {
  const folded = foldText(text).replace(/^(judetul|judet|jud\.?|municipiul|mun\.?)\s+/, "");
  return folded.startsWith("bucuresti") ? "bucuresti" : folded;
}
