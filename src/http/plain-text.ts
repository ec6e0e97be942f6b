/** What a request says must be text that can be stored: Postgres takes neither NUL nor half a surrogate pair. */
import { z } from "zod";
import { InvalidInputError } from "#src/domain/errors.ts";
import { hasPersonalNumber, maskPersonalNumbers } from "#src/domain/registry/personal-numbers.ts";

/** Something that people write: trimmed, 1 to `max` characters, and kept without personal numbers. */
export const freeText = (max: number) => z.string().trim().min(1).max(max).overwrite(maskPersonalNumbers);

/** A name by which machines know something: of this pattern, and no personal number. */
export const identifier = (pattern: RegExp) =>
  z
    .string()
    .regex(pattern)
    .refine((name) => !hasPersonalNumber(name), "may hold no personal number (13 digits)");

/** @throws InvalidInputError that names the first value, of whatever depth, that cannot be stored */
export function refuseUnstorable(given: unknown): void {
  const path = findUnstorable(given, []);
  if (!path) return;
  const field = path.join(".");
  const message = `${field || "The request"}: holds characters that are no text (NUL, or half a character).`;
  throw new InvalidInputError("invalid_text", message, field ? { field } : {});
}

const isUnstorable = (text: string): boolean => text.includes("\0") || !text.isWellFormed();

/** Where it is; null: nowhere. A key that is no text is named by what holds it. */
function findUnstorable(given: unknown, path: string[]): string[] | null {
  if (typeof given === "string") return isUnstorable(given) ? path : null;
  if (typeof given !== "object" || given === null) return null;
  for (const [key, value] of Object.entries(given)) {
    if (isUnstorable(key)) return path;
    const found = findUnstorable(value, [...path, key]);
    if (found) return found;
  }
  return null;
}
