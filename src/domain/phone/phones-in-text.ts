/** Phone numbers within running text, by Romania's numbering plan. Pure. */
import { parsePhoneNumberFromString } from "libphonenumber-js/max";

export interface PhoneInText {
  e164: string;
  /** As it is written. */
  number: string;
  index: number;
}

// With a country code or a leading zero: without them any nine digits (a price, a product) would be a number.
const CANDIDATE = /(?<![\w+])(?:(?:\+|00)\d{2}(?:[ ]?\(0\))?|\(?0)(?:[ .()/-]{0,2}\d){8,10}(?!\d)/g;

/** Valid numbers in their order. */
export function phonesInText(text: string): PhoneInText[] {
  return [...text.matchAll(CANDIDATE)].flatMap(({ 0: number, index }) => {
    const parsed = parsePhoneNumberFromString(number, "RO");
    return parsed?.isValid() ? [{ e164: parsed.number, number, index }] : [];
  });
}
