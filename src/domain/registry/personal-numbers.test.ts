import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hasPersonalNumber, MASK, maskPersonalNumbers, maskPersonalNumbersDeep } from "./personal-numbers.ts";

describe("maskPersonalNumbers", () => {
  it.each([
    ["1800101221144", MASK],
    ["cu CNP 1800101221144, domiciliat", `cu CNP ${MASK}, domiciliat`],
    ["CNP1800101221144", `CNP${MASK}`],
    ["CNP:1800101221144.", `CNP:${MASK}.`],
    ["1800101221144A", `${MASK}A`],
    ["1 800101 221144", MASK],
    ["1-80-01-01-221144", MASK],
    ["1.8.0.0.1.0.1.2.2.1.1.4.4", MASK],
    ["1800101/221144", MASK],
    ["1 8 0 0 1 0 1 2 2 1 1 4 4", MASK],
    ["9999999999999", MASK],
    ["nr. 12 1800101221144 ap. 3", `nr. 12 ${MASK} ap. 3`],
    ["0721234567 1800101221144", `0721234567 ${MASK}`],
    ["5 1 800101 221144", `5 ${MASK}`],
    ["1800101221144 2900202221133", `${MASK} ${MASK}`],
    ["１８００１０１２２１１４４", MASK],
    ["1800101\u00a0221144", MASK],
    ["1800101\u200b221144", MASK],
    ["1800101–221144", MASK],
    ["18001012211445", MASK],
    ["id=001800101221144", `id=${MASK}`],
    ["١٨٠٠١٠١٢٢١١٤٤", MASK],
    ["ȘTEFAN 1800101221144", `ȘTEFAN ${MASK}`],
  ])("masks in %j", (text, masked) => {
    expect(maskPersonalNumbers(text)).toBe(masked);
    expect(hasPersonalNumber(text)).toBe(true);
  });

  it.each([
    "",
    "AGRO CÂMPIA 24 S.R.L.",
    "0040721234567",
    "004 0721 234 567",
    "004915112345678",
    "+40 721 234 567",
    "0721234567/0722123456",
    "J40/12345/2009",
    "Str. Fermei nr. 12, bl. A1, ap. 3",
    "1234567 8901",
    "12345678901  2345",
    "2026-11-22",
  ])("leaves %j alone", (text) => expect(maskPersonalNumbers(text)).toBe(text));

  it("masks what stands beside a masked number as it would alone", () => {
    expect(maskPersonalNumbers("1800101221144/1000000/000000")).toBe("[CNP]/[CNP]");
    expect(maskPersonalNumbers("0040\u200b1000000000000")).toBe("0040\u200b[CNP]");
  });

  it("leaves no run of exactly 13 digits, the first 1 to 9, in any text", () => {
    const piece = fc.oneof(
      fc.constantFrom("1800101221144", "CNP", " ", "-", ".", "/", "0040", "J", "ă", "\u200b", "１"),
      fc.stringMatching(/^[0-9]{1,15}$/),
      fc.string({ unit: "grapheme", maxLength: 5 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const masked = maskPersonalNumbers(pieces.join(""));
        expect(masked).not.toMatch(/(?<![0-9])[1-9][0-9]{12}(?![0-9])/);
        expect(maskPersonalNumbers(masked)).toBe(masked);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe("maskPersonalNumbersDeep", () => {
  it("masks every string of a JSON value and leaves the rest", () => {
    const value = { a: ["x 1800101221144", 1_800_101_221_144, null], b: { c: true, d: "ok" } };
    expect(maskPersonalNumbersDeep(value)).toEqual({
      a: [`x ${MASK}`, 1_800_101_221_144, null],
      b: { c: true, d: "ok" },
    });
  });
});
