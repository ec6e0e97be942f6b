/**
 * Passwords, by argon2id. Parameters are OWASP's (Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane) and stand in
 * what is stored, in PHC form: when they are raised, a password is hashed anew at its next sign-in.
 */
import { type Argon2Parameters, argon2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const MEMORY_KIB = 19_456;
const PASSES = 2;
const LANES = 1;
const TAG_BYTES = 32;

const run = promisify(argon2) as (kind: "argon2id", parameters: Argon2Parameters) => Promise<Buffer>;

/** The same password, however a keyboard has composed its letters (NIST SP 800-63B, 5.1.1.2). */
const message = (password: string) => password.normalize("NFKC");

const PARAMETERS = `m=${MEMORY_KIB},t=${PASSES},p=${LANES}`;

/** What is stored of a password: `$argon2id$v=19$m=…,t=…,p=…$<salt>$<hash>`. */
export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(16);
  const tag = await run("argon2id", {
    message: message(password),
    nonce,
    memory: MEMORY_KIB,
    passes: PASSES,
    parallelism: LANES,
    tagLength: TAG_BYTES,
  });
  return `$argon2id$v=19$${PARAMETERS}$${base64(nonce)}$${base64(tag)}`;
}

/** `outdated`: right, but stored with other parameters than today's: hash it anew. */
export type PasswordVerdict = "right" | "outdated" | "wrong";

/** @throws Error when `stored` is nothing that {@link hashPassword} has made */
export async function checkPassword(password: string, stored: string): Promise<PasswordVerdict> {
  const match = PHC.exec(stored);
  if (!match) throw new Error("The stored password hash cannot be read.");
  const [, memory, passes, parallelism, salt = "", expected = ""] = match;
  const tag = Buffer.from(expected, "base64");
  const given = await run("argon2id", {
    message: message(password),
    nonce: Buffer.from(salt, "base64"),
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    tagLength: tag.length,
  });
  if (!timingSafeEqual(given, tag)) return "wrong";
  return stored.includes(`$${PARAMETERS}$`) ? "right" : "outdated";
}

const PHC = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{16,86})$/;

/** As PHC wants it: without padding. */
const base64 = (bytes: Buffer) => bytes.toString("base64").replace(/=+$/, "");
