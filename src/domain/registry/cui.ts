/** Romanian tax id (CUI, also called CIF): up to ten digits, the last one a check digit. */

/** The tax authority's control key; algorithm checked against public test vectors (2026-11-22). */
const CONTROL_KEY = [7, 5, 3, 2, 1, 7, 5, 3, 2] as const;

export type CuiReason = "missing_tax_id" | "invalid_tax_id" | "invalid_check_digit" | "personal_number";

export type CuiResult = { ok: true; cui: number } | { ok: false; reason: CuiReason };

const PLAIN = /^[1-9][0-9]{1,9}$/;
const PREFIX = /^R\s?O?/i;
const FILLING = /[\s.\-/]+/g;
const THIRTEEN_DIGITS = /[0-9]{13}/;

/** The check digit of a tax id without its last digit; `body` below 10^9. */
export function cuiCheckDigit(body: number): number {
  let sum = 0;
  for (let index = 8, rest = body; index >= 0 && rest > 0; index--) {
    sum += (rest % 10) * (CONTROL_KEY[index] as number);
    rest = Math.floor(rest / 10);
  }
  return ((sum * 10) % 11) % 10;
}

/** Whether this number, 10 to 9,999,999,999, ends in its check digit. */
export function isValidCui(cui: number): boolean {
  if (!Number.isInteger(cui) || cui < 10 || cui > 9_999_999_999) return false;
  return cuiCheckDigit(Math.floor(cui / 10)) === cui % 10;
}

/**
 * Reads a tax id as people and registries write it: `RO 14837428`, `ro14837428`, ` 14.837.428 `, `0014837428`.
 * Empty and `0` (legacy rows of the trade register) are `missing_tax_id`; a 13-digit value is somebody's
 * personal number: `personal_number`. The value itself is in no answer.
 */
export function parseCui(text: string): CuiResult {
  const digits = PLAIN.test(text) ? text : strip(text);
  if (digits === "") return { ok: false, reason: "missing_tax_id" };
  if (THIRTEEN_DIGITS.test(digits)) return { ok: false, reason: "personal_number" };
  if (!PLAIN.test(digits)) return { ok: false, reason: "invalid_tax_id" };
  const cui = Number(digits);
  return isValidCui(cui) ? { ok: true, cui } : { ok: false, reason: "invalid_check_digit" };
}

function strip(text: string): string {
  const compact = text.normalize("NFKC").trim().replace(PREFIX, "").replace(FILLING, "");
  // Zeros are padding, except in what is as long as a personal number.
  return compact.length < 13 ? compact.replace(/^0+/, "") : compact;
}
