/** Numbers of the trade register. */
import { hasPersonalNumber } from "./personal-numbers.ts";
import { cleanText } from "./text.ts";

// J21/111/2009 of old, J2009000111219 since 2024: letter, year, serial, county, check digit. The register began
// in 1990, which tells its numbers from personal numbers behind a letter.
const REGISTRATION =
  /^[JFC](?:[0-9]{1,2}\/[0-9]{1,7}\/(?:[0-9]{2}\.[0-9]{2}\.)?[0-9]{4}|(?:199|20[0-9])[0-9]{10})$/;
const REGISTER = /^[A-Z]{2,12}$/;
const MAX_LENGTH = 64;

/** As the register writes it, in capitals and without spaces; null when it is none, or could be a personal number. */
export function cleanRegistrationNumber(text: string): string | null {
  if (REGISTRATION.test(text)) return text;
  const compact = compacted(text);
  return REGISTRATION.test(compact) ? compact : harmless(compact);
}

/** European unique identifier: country and register, a dot, and the registration number (ROONRC.J21/111/2009). */
export function cleanEuid(text: string): string | null {
  if (text === "") return null;
  const compact = compacted(text);
  const dot = compact.indexOf(".");
  const isEuid =
    REGISTER.test(compact.slice(0, Math.max(dot, 0))) && REGISTRATION.test(compact.slice(dot + 1));
  return isEuid ? compact : harmless(compact);
}

const compacted = (text: string): string => cleanText(text).replaceAll(" ", "").toUpperCase();

// Something else that stands in the column; kept as it is, unless it is no such number at all.
const harmless = (text: string): string | null =>
  text === "" || text.length > MAX_LENGTH || hasPersonalNumber(text) ? null : text;
