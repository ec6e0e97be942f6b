/** Names of people and addresses in ledgers and among snapshots, which are kept and shown. */
import { createHash } from "node:crypto";
import { foldText } from "#src/domain/registry/text.ts";

/** SHA-256, hex, of the parts without case and diacritics: the same person written in two ways has one key. */
export const hashedKey = (...parts: readonly string[]): string =>
  createHash("sha256").update(parts.map(foldText).join("\n")).digest("hex");
