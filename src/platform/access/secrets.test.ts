import { expect, it } from "vitest";
import { digestOf, newToken, sameSecret } from "./secrets.ts";

it("a token says what it is, and holds 256 random bits", () => {
  expect(newToken("cqr_")).toMatch(/^cqr_[A-Za-z0-9_-]{43}$/);
  expect(newToken("cqr_")).not.toBe(newToken("cqr_"));
});

it("secrets are the same only to the last character, whatever their lengths", () => {
  expect(sameSecret("a-secret", "a-secret")).toBe(true);
  for (const other of ["", "a", "a-secre", "a-secret ", "a-Secret"]) {
    expect(sameSecret("a-secret", other)).toBe(false);
  }
});

it("what is stored does not tell the secret", () => {
  expect(digestOf("a-secret")).toMatch(/^[0-9a-f]{64}$/);
});
