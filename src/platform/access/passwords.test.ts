import { argon2Sync } from "node:crypto";
import { expect, it } from "vitest";
import { checkPassword, hashPassword } from "./passwords.ts";

it("a password fits what is stored of it, and no other does", async () => {
  const stored = await hashPassword("correct horse battery");
  expect(stored).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  expect(await checkPassword("correct horse battery", stored)).toBe("right");
  expect(await checkPassword("correct horse batterz", stored)).toBe("wrong");
  expect(await hashPassword("correct horse battery")).not.toBe(stored);
});

it("letters count, not how a keyboard has composed them", async () => {
  const stored = await hashPassword("mămăligă cu brânză".normalize("NFC"));
  expect(await checkPassword("mămăligă cu brânză".normalize("NFD"), stored)).toBe("right");
});

it("one that was stored with other parameters is right, and to be hashed anew", async () => {
  const nonce = Buffer.alloc(16, 1);
  const parameters = { message: "older", nonce, memory: 64, passes: 1, parallelism: 1, tagLength: 32 };
  const base64 = (bytes: Buffer) => bytes.toString("base64").replace(/=+$/, "");
  const tag = argon2Sync("argon2id", parameters);
  const stored = `$argon2id$v=19$m=64,t=1,p=1$${base64(nonce)}$${base64(tag)}`;
  expect(await checkPassword("older", stored)).toBe("outdated");
  expect(await checkPassword("wrong", stored)).toBe("wrong");
});

it("what cannot be read is an error, not a wrong password", async () => {
  await expect(checkPassword("x", "$2b$10$abc")).rejects.toThrow("cannot be read");
});
