import { describe, expect, it } from "vitest";
import { cuiCheckDigit, isValidCui, parseCui } from "./cui.ts";

describe("parseCui", () => {
  it.each([14837428, 4221306, 12345674, 33333338])("takes the public test vector %i", (cui) => {
    expect(parseCui(String(cui))).toEqual({ ok: true, cui });
    expect(isValidCui(cui)).toBe(true);
    expect(cuiCheckDigit(Math.floor(cui / 10))).toBe(cui % 10);
  });

  it.each([
    "RO 14837428",
    "ro14837428",
    "R14837428",
    " 14 837 428 ",
    "14.837.428",
    "0014837428",
    "１４８３７４２８",
    "RO\u00a014837428",
  ])("reads %s as people write it", (text) => expect(parseCui(text)).toEqual({ ok: true, cui: 14837428 }));

  it.each([
    ["", "missing_tax_id"],
    ["0", "missing_tax_id"],
    ["000", "missing_tax_id"],
    [" - ", "missing_tax_id"],
    ["RO", "missing_tax_id"],
    ["12345678", "invalid_check_digit"],
    ["1", "invalid_tax_id"],
    ["abc", "invalid_tax_id"],
    ["14837428x", "invalid_tax_id"],
    ["123456789012", "invalid_tax_id"],
    ["1800101221144", "personal_number"],
    ["RO 1 800 101 221 144", "personal_number"],
    ["1.800101.221144", "personal_number"],
    ["51800101221144", "personal_number"],
    ["0800101221144", "personal_number"],
  ])("refuses %j: %s", (text, reason) => expect(parseCui(text)).toEqual({ ok: false, reason }));
});
