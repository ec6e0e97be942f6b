import { describe, expect, it } from "vitest";
import { count, number, padded, part, pathsOf, taxId, text } from "./lenient.ts";

describe("what providers send in more than one form", () => {
  it.each([
    [undefined, null],
    [null, null],
    ["  ", null],
    [" IALOMIŢA\u00a0 ", "IALOMIȚA"],
    [119, "119"],
    ["CNP 1960101123456", "CNP [CNP]"],
  ])("the text of %j is %j", (value, read) => {
    expect(text.parse(value)).toBe(read);
  });

  it("text is neither an object nor endless", () => {
    expect(text.safeParse({}).success).toBe(false);
    expect(text.safeParse("x".repeat(10_001)).success).toBe(false);
  });

  it.each([
    [undefined, null],
    ["", null],
    ["9400000", 9_400_000],
    [" -12.5 ", -12.5],
    [0, 0],
  ])("the number of %j is %j", (value, read) => {
    expect(number.parse(value)).toBe(read);
  });

  it.each(["many", "1,5", "0x10", true, {}])("%j is no number", (value) => {
    expect(number.safeParse(value).success).toBe(false);
  });

  it("a count is never negative", () => {
    expect(count.parse("3")).toBe(3);
    expect(count.safeParse("-3").success).toBe(false);
  });

  it("a tax id may be a number or text, with RO or without", () => {
    for (const value of [14837428, "14837428", " RO 14837428", "ro14837428"])
      expect(taxId.parse(value)).toBe(14_837_428);
    for (const value of ["", "RO", 0, 1.5, null]) expect(taxId.safeParse(value).success).toBe(false);
  });

  it("digits get back the zeros that they lost", () => {
    expect(padded(4).parse(111)).toBe("0111");
    expect(padded(4).parse("n/a")).toBe("n/a");
  });

  it("a part that is not there has values that are not there", () => {
    const place = part({ county: text });
    for (const value of [undefined, null, "", {}]) expect(place.parse(value)).toMatchObject({ county: null });
  });

  it("says where something does not fit, not what", () => {
    const parsed = part({ a: part({ b: number }) }).safeParse({ a: { b: "secret" } });
    expect(parsed.error && pathsOf(parsed.error)).toEqual(["a.b"]);
  });
});
