/**
 * Secrets at rest: authenticated encryption (AES-256-GCM) in two layers. A value is encrypted under a random key of its
 * own; that key is wrapped under one that HKDF-SHA-256 (RFC 5869) makes of a root key and the workspace's id. Both
 * layers are bound to workspace and field, so that a value moved to another row's place does not open.
 *
 * The format, `v1.<id of the root key>.<base64url>`, holds: nonce (12 bytes), wrapped key (32), its tag (16), nonce (12),
 * ciphertext, its tag (16). Why: docs/decisions/0015-vault-credentials-credits.md.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { z } from "zod";

export interface RootKey {
  /** Stands in what is sealed under it. */
  id: string;
  /** 32 bytes. */
  key: Buffer;
}

/** Where a sealed value belongs; it opens nowhere else. Null: the installation's own, no workspace's. */
export interface SealContext {
  workspaceId: string | null;
  /** Table, column and whatever tells rows of one workspace apart, such as `provider_credentials.sealed:hunter`. */
  field: string;
}

export interface Vault {
  /** What is sealed by it; another one for each call. */
  seal(context: SealContext, plain: string): string;
  /** @throws VaultError when it was changed, sealed elsewhere, or under a key that is not here */
  open(context: SealContext, sealed: string): string;
  /** The same value under the current key; null: it is already. @throws VaultError as {@link Vault.open} does */
  reseal(context: SealContext, sealed: string): string | null;
  /**
   * Keys for one purpose (signing, MACs), the current one first: made of the root keys, and of no use for another
   * purpose. What an older one has signed holds as long as its root key is kept.
   */
  derive(purpose: string): RootKey[];
  /** The id of the root key that new values are sealed under. */
  readonly currentKeyId: string;
}

/** A value that does not open. Says why, and nothing of the value. */
export class VaultError extends Error {
  override readonly name = "VaultError";
}

const KEY_BYTES = 32;
const KEY_ID = /^[A-Za-z0-9_-]{1,32}$/;

/** `k2:<base64 of 32 bytes>,k1:<…>`: the first seals, all open. */
export const rootKeysSchema = z.string().transform((text, context): RootKey[] => {
  const keys = text.split(",").map((part) => {
    const [id = "", encoded = ""] = part.trim().split(":");
    return { id, key: Buffer.from(encoded, "base64") };
  });
  const problem = keys.some(({ id, key }) => !KEY_ID.test(id) || key.length !== KEY_BYTES)
    ? "expected <id>:<32 bytes in base64>, several with commas between, the current one first"
    : new Set(keys.map(({ id }) => id)).size < keys.length
      ? "two keys have the same id"
      : null;
  if (problem) context.addIssue({ code: "custom", message: problem });
  return keys;
});

export function createVault(rootKeys: readonly RootKey[]): Vault {
  const [current] = rootKeys;
  if (!current) throw new Error("A vault needs a root key");

  function seal(context: SealContext, plain: string): string {
    const dataKey = randomBytes(KEY_BYTES);
    const sealed = Buffer.concat([
      encrypt(wrappingKey(current as RootKey, context), boundTo(context, "key"), dataKey),
      encrypt(dataKey, boundTo(context, "value"), Buffer.from(plain)),
    ]);
    return `${VERSION}.${(current as RootKey).id}.${sealed.toString("base64url")}`;
  }

  function open(context: SealContext, sealed: string): string {
    const { keyId, bytes } = read(sealed);
    const rootKey = rootKeys.find(({ id }) => id === keyId);
    if (!rootKey) throw new VaultError("The value is sealed under a key that SECRET_KEYS does not hold.");
    try {
      const wrapped = bytes.subarray(0, WRAPPED_BYTES);
      const dataKey = decrypt(wrappingKey(rootKey, context), boundTo(context, "key"), wrapped);
      return decrypt(dataKey, boundTo(context, "value"), bytes.subarray(WRAPPED_BYTES)).toString();
    } catch {
      // Without its cause: whatever a cipher has to say of a secret is not for logs.
      throw new VaultError("The sealed value was changed, or belongs elsewhere.");
    }
  }

  return {
    seal,
    open,
    reseal(context, sealed) {
      return sealedUnder(sealed) === current.id ? null : seal(context, open(context, sealed));
    },
    derive(purpose) {
      return rootKeys.map(({ id, key }) => ({ id, key: derived(key, ["purpose", purpose]) }));
    },
    currentKeyId: current.id,
  };
}

/** The id of the root key that a value is sealed under. @throws VaultError when it is no sealed value */
export const sealedUnder = (sealed: string): string => read(sealed).keyId;

const VERSION = "v1";
const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES;

function read(sealed: string): { keyId: string; bytes: Buffer } {
  const [version, keyId = "", encoded = "", ...rest] = sealed.split(".");
  const bytes = Buffer.from(encoded, "base64url");
  const whole = bytes.length >= WRAPPED_BYTES + NONCE_BYTES + TAG_BYTES;
  // One spelling of each value only: a decoder that forgives would let a changed one pass.
  const canonical = rest.length === 0 && bytes.toString("base64url") === encoded;
  if (version === VERSION && KEY_ID.test(keyId) && whole && canonical) return { keyId, bytes };
  throw new VaultError("This is no sealed value.");
}

/** A list as JSON is unambiguous: no two contexts can read the same. */
const boundTo = ({ workspaceId, field }: SealContext, layer: "key" | "value") =>
  Buffer.from(JSON.stringify([VERSION, layer, workspaceId, field]));

const wrappingKey = ({ key }: RootKey, { workspaceId }: SealContext) =>
  derived(key, ["workspace", workspaceId]);

const derived = (key: Buffer, info: readonly (string | null)[]) =>
  Buffer.from(hkdfSync("sha256", key, "", JSON.stringify(["cerniq", VERSION, ...info]), KEY_BYTES));

function encrypt(key: Buffer, bound: Buffer, plain: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(bound);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Buffer, bound: Buffer, bytes: Buffer): Buffer {
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(bound);
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
}
