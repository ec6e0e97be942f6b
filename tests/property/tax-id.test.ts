import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cuiCheckDigit, isValidCui, parseCui } from "#src/domain/registry/cui.ts";

const bodies = fc.integer({ min: 1, max: 999_999_999 });
const withCheckDigit = (body: number) => body * 10 + cuiCheckDigit(body);

describe("the check digit of a tax id", () => {
  it("makes every body a valid id, and no other digit does", () => {
    fc.assert(
      fc.property(bodies, fc.integer({ min: 1, max: 9 }), (body, shift) => {
        const cui = withCheckDigit(body);
        expect(isValidCui(cui)).toBe(true);
        expect(isValidCui(body * 10 + ((cuiCheckDigit(body) + shift) % 10))).toBe(false);
      }),
    );
  });

  it("is read in all the ways in which people write an id", () => {
    const written = (cui: number) => [`RO${cui}`, `ro ${cui}`, ` ${cui} `, `00${cui}`, String(cui)];
    fc.assert(
      fc.property(bodies, fc.nat(4), (body, way) => {
        const cui = withCheckDigit(body);
        expect(parseCui(written(cui)[way] as string)).toEqual({ ok: true, cui });
      }),
    );
  });

  it("finds two neighbouring digits that were swapped, but for the pairs that weigh the same", () => {
    let missed = 0;
    let swapped = 0;
    fc.assert(
      fc.property(bodies, fc.nat(7), (body, at) => {
        const digits = String(withCheckDigit(body)).split("");
        if (at + 1 >= digits.length - 1 || digits[at] === digits[at + 1] || digits[at + 1] === "0") return;
        [digits[at], digits[at + 1]] = [digits[at + 1] as string, digits[at] as string];
        swapped += 1;
        if (isValidCui(Number(digits.join("")))) missed += 1;
      }),
      { numRuns: 2_000, seed: 1 },
    );
    expect(swapped).toBeGreaterThan(500);
    // A remainder of 10 counts as 0, so a few slip through.
    expect(missed / swapped).toBeLessThan(0.05);
  });
});
