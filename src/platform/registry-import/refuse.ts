/** Files that are refused whole: what is wrong, and what to do about it. */
import { InvalidInputError } from "#src/domain/errors.ts";
import { maskPersonalNumbers } from "#src/domain/registry/personal-numbers.ts";

/** Which file a sentence is about: the part of the upload, and its name as the caller gave it. */
export interface FileLabel {
  part: "file" | "states" | "activities";
  name: string;
}

/** A refusal: "The file "x.csv" " followed by `problem`, a full sentence's rest with what to do. */
export function refuse(code: string, label: FileLabel, problem: string): InvalidInputError {
  return new InvalidInputError(code, `The file "${displayName(label.name)}" ${problem}`, {
    field: label.part,
  });
}

/** A caller's file name, fit to store and to show. */
export function displayName(name: string): string {
  const base = (name.split(/[\\/]/).pop() ?? "").replace(/[\p{Cc}\p{Cf}"]/gu, "").trim();
  return maskPersonalNumbers(base).slice(0, 200) || "unnamed";
}
