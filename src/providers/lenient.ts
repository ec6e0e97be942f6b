/** Readers for values that providers send in more than one form: missing, null, "" or blank, numbers as strings. */
import { z } from "zod";
import { maskPersonalNumbers } from "#src/domain/registry/personal-numbers.ts";
import { cleanText } from "#src/domain/registry/text.ts";

export const blankToNull = (value: unknown): unknown =>
  value === undefined || (typeof value === "string" && value.trim() === "") ? null : value;

/** Clean text of at most 10,000 characters, personal numbers masked; numbers are text too. Null: nothing there. */
export const text = z
  .preprocess(blankToNull, z.union([z.string().max(10_000), z.number()]).nullable())
  .transform((value) =>
    value === null ? null : maskPersonalNumbers(cleanText(String(value).toWellFormed())) || null,
  );

/** A number, also as a string such as "9400000" or " 12.5 ". Null: nothing there. */
export const number = z.preprocess((value) => {
  const given = blankToNull(value);
  return typeof given === "string" && /^\s*-?\d+(\.\d+)?\s*$/.test(given) ? Number(given) : given;
}, z.number().nullable());

/** Amounts and counts of at least 0. */
export const count = number.pipe(z.number().nonnegative().nullable());

/** A Romanian tax id as a number, also as a string with or without "RO". */
export const taxId = z.preprocess(
  (value) => (typeof value === "string" ? Number(value.trim().replace(/^RO\s*/i, "") || Number.NaN) : value),
  z.int().min(1).max(9_999_999_999),
);

/** Digits with the leading zeros that JSON numbers lose: CAEN codes have 4, postal codes 6. */
export const padded = (length: number) =>
  text.transform((value) => (value !== null && /^\d+$/.test(value) ? value.padStart(length, "0") : value));

/** A sub-object that may be missing, null or "": then all its values are null. */
export const part = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.preprocess((value) => blankToNull(value) ?? {}, z.looseObject(shape));

/** The paths of what does not fit, without values: safe to log. */
export const pathsOf = (error: z.ZodError): string[] =>
  [...new Set(error.issues.map((issue) => issue.path.join(".")))].slice(0, 20);
