import { maskPersonalNumbers } from "./registry/personal-numbers.ts";

/** Masks personal numbers in every text of a JSON value, however deep. */
export function maskValues<Value>(value: Value): Value {
  if (typeof value === "string") return maskPersonalNumbers(value) as Value;
  if (Array.isArray(value)) return value.map(maskValues) as Value;
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, maskValues(each)])) as Value;
  }
  return value;
}
