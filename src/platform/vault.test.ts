import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createVault,
  type RootKey,
  rootKeysSchema,
  type SealContext,
  sealedUnder,
  VaultError,
} from "./vault.ts";

const rootKey = (id: string): RootKey => ({ id, key: randomBytes(32) });
const [old, current] = [rootKey("k1"), rootKey("k2")];
const vault = createVault([current, old]);
const contexts = fc.record({ workspaceId: fc.option(fc.uuid()), field: fc.string() });
/** Few enough to agree in one of the two. */
const neighbours = fc.record({
  workspaceId: fc.constantFrom(null, "", "a", "b"),
  field: fc.constantFrom("", "a", "b", "null"),
});
const here: SealContext = { workspaceId: "00000000-0000-7000-8000-000000000001", field: "table.column" };

describe("a sealed value", () => {
  it("opens where it was sealed, whatever it holds", () => {
    fc.assert(
      fc.property(contexts, fc.string({ unit: "grapheme" }), (context, plain) => {
        expect(vault.open(context, vault.seal(context, plain))).toBe(plain);
      }),
    );
  });

  it("is another one each time, and shows nothing of what is in it", () => {
    const plain = "a-key-of-a-provider";
    const sealed = vault.seal(here, plain);
    expect(vault.seal(here, plain)).not.toBe(sealed);
    expect(sealed).toMatch(/^v1\.k2\.[\w-]+$/);
    expect(Buffer.from(sealed.split(".")[2] as string, "base64url").includes(plain)).toBe(false);
  });

  it("does not open for another workspace or field", () => {
    fc.assert(
      fc.property(neighbours, neighbours, fc.string(), (context, other, plain) => {
        fc.pre(JSON.stringify(context) !== JSON.stringify(other));
        const sealed = vault.seal(context, plain);
        expect(() => vault.open(other, sealed)).toThrow(VaultError);
      }),
    );
  });

  it("does not open with any bit of its bytes, or any character of its text, changed", () => {
    const sealed = vault.seal(here, "secret");
    const [version, id, encoded = ""] = sealed.split(".");
    const bytes = Buffer.from(encoded, "base64url");
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(() => vault.open(here, `${version}.${id}.${flipped.toString("base64url")}`)).toThrow(VaultError);
    }
    for (let at = 0; at < sealed.length; at++) {
      for (const bit of [1, 2, 4, 8, 16, 32, 64]) {
        const char = String.fromCharCode(sealed.charCodeAt(at) ^ bit);
        expect(() => vault.open(here, sealed.slice(0, at) + char + sealed.slice(at + 1))).toThrow(VaultError);
      }
    }
  });

  it("does not open when it is cut, lengthened, or no sealed value at all", () => {
    const sealed = vault.seal(here, "");
    for (const text of [
      "",
      "v1.k2.",
      sealed.slice(0, -1),
      sealed.slice(0, -4),
      `${sealed}A`,
      `${sealed}.`,
      "text",
    ]) {
      expect(() => vault.open(here, text)).toThrow(VaultError);
    }
  });

  it("does not open under another key, even one of the same name", () => {
    const sealed = vault.seal(here, "secret");
    expect(() => createVault([old]).open(here, sealed)).toThrow("a key that SECRET_KEYS does not hold");
    expect(() => createVault([rootKey("k2")]).open(here, sealed)).toThrow(VaultError);
  });

  it("is not quoted by the error of its opening", () => {
    try {
      vault.open(here, vault.seal({ ...here, field: "other" }, "secret"));
      expect.unreachable();
    } catch (error) {
      expect(inspect(error)).toContain("VaultError: The sealed value was changed, or belongs elsewhere.");
      expect(inspect(error)).not.toContain("[cause]");
    }
  });
});

describe("rotation", () => {
  it("seals anew what lies under an older key, and nothing else", () => {
    const before = createVault([old]).seal(here, "secret");
    const after = vault.reseal(here, before) as string;
    expect([sealedUnder(before), sealedUnder(after)]).toEqual(["k1", "k2"]);
    expect(createVault([current]).open(here, after)).toBe("secret");
    expect(vault.reseal(here, after)).toBeNull();
    expect(() => vault.reseal({ ...here, field: "other" }, before)).toThrow(VaultError);
  });
});

describe("derived keys", () => {
  it("are the same for a purpose and root key, others for others, and none of those that seal", () => {
    const [signing, older] = vault.derive("sign-in");
    expect(createVault([current]).derive("sign-in")).toEqual([signing]);
    expect(signing).toMatchObject({ id: "k2", key: expect.any(Buffer) });
    const all = [signing, older, ...vault.derive("webhooks"), current].map((each) =>
      each?.key.toString("hex"),
    );
    expect(new Set(all).size).toBe(5);
  });
});

describe("SECRET_KEYS", () => {
  const base64 = randomBytes(32).toString("base64");

  it("is a list, the current key first", () => {
    expect(rootKeysSchema.parse(`k2:${base64}, k1:${base64}`).map(({ id }) => id)).toEqual(["k2", "k1"]);
  });

  it.each([
    ["nothing", ""],
    ["a key without a name", base64],
    ["a short key", `k1:${base64.slice(0, 20)}`],
    ["a name that could not stand in a sealed value", `k.1:${base64}`],
    ["a name twice", `k1:${base64},k1:${base64}`],
  ])("is refused with %s, without being quoted", (_, text) => {
    const { error } = rootKeysSchema.safeParse(text);
    expect(error).toBeDefined();
    expect(error?.message).not.toContain(base64.slice(0, 20));
  });
});
