import { expect, it } from "vitest";
import { looksLikeApiKey, newApiKey } from "./api-key-format.ts";

it("a key has a prefix, 256 random bits and a checksum", () => {
  const key = newApiKey();
  expect(key).toMatch(/^cq_live_[0-9A-Za-z]{49}$/);
  expect(looksLikeApiKey(key)).toBe(true);
  expect(newApiKey()).not.toBe(key);
});

it("one that was mistyped in any place is told without asking anybody", () => {
  const key = newApiKey();
  for (let at = 0; at < key.length; at++) {
    const other = key[at] === "a" ? "b" : "a";
    expect(looksLikeApiKey(key.slice(0, at) + other + key.slice(at + 1))).toBe(false);
  }
  for (const odd of ["", "cq_live_", `${key}0`, ` ${key}`, `${key}\n`])
    expect(looksLikeApiKey(odd)).toBe(false);
});
