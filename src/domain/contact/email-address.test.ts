import { describe, expect, it } from "vitest";
import { cleanEmail, emailKindOf, isAtDomain, isForBusiness } from "./email-address.ts";

describe("an e-mail address", () => {
  it.each([
    [" Office@Agro-Exemplu.RO ", "office@agro-exemplu.ro"],
    ["ion.popescu+ferma@sub.agro.example", "ion.popescu+ferma@sub.agro.example"],
    ["office@agro", null],
    ["office@@agro.ro", null],
    [".office@agro.ro", null],
    ["office..x@agro.ro", null],
    ["office@-agro.ro", null],
    ["a b@agro.ro", null],
    ["", null],
    [`${"a".repeat(250)}@agro.ro`, null],
  ])("%j is kept as %j", (text, kept) => {
    expect(cleanEmail(text)).toBe(kept);
  });

  it.each([
    ["office@agro.ro", "generic"],
    ["office.buzau@agro.ro", "generic"],
    ["contact2@agro.ro", "generic"],
    ["no-reply@agro.ro", "generic"],
    ["ion.popescu@agro.ro", "personal"],
    ["ionpopescu@agro.ro", "personal"],
    ["officer@agro.ro", "personal"],
  ])("%s is %s", (address, kind) => {
    expect(emailKindOf(address)).toBe(kind);
  });

  it.each([
    ["office@agro.ro", true],
    ["ion.popescu@agro.ro", true],
    ["no-reply@agro.ro", false],
    ["nu.raspunde@agro.ro", false],
    ["dpo@agro.ro", false],
    ["webmaster@agro.ro", false],
  ])("%s takes business mail: %s", (address, takes) => {
    expect(isForBusiness(address)).toBe(takes);
  });

  it("is at its domain and at those above it, and at no other that ends alike", () => {
    expect(isAtDomain("office@agro.ro", "agro.ro")).toBe(true);
    expect(isAtDomain("office@mail.agro.ro", "agro.ro")).toBe(true);
    expect(isAtDomain("office@notagro.ro", "agro.ro")).toBe(false);
  });
});
