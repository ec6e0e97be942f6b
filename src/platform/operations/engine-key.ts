/** How the signing key travels to the engine: as the SDK sends it. */
import { createHash } from "node:crypto";

/** SHA-256 of the key's bytes in hexadecimal; its prefix is kept. */
export function hashedSigningKey(key: string): string {
  const prefix = /^signkey-\w+-/.exec(key)?.[0] ?? "";
  const bytes = Buffer.from(key.slice(prefix.length), "hex");
  return prefix + createHash("sha256").update(bytes).digest("hex");
}
