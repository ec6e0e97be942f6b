import { describe, expect, it } from "vitest";
import { bestPhone, phoneInDoubt, readPhones, splitNumbers, withLookup } from "./phones.ts";

const read = (text: string) => readPhones([{ text, source: "test" }]);

describe("one number", () => {
  it.each([
    ["0722 123 456", "+40722123456", "mobile"],
    ["+40 722123456", "+40722123456", "mobile"],
    ["0040722123456", "+40722123456", "mobile"],
    ["722123456", "+40722123456", "mobile"],
    ["tel. 0722.123.456", "+40722123456", "mobile"],
    ["0243 230 000", "+40243230000", "landline"],
    ["021 312 3456", "+40213123456", "landline"],
    ["0244/123456", "+40244123456", "landline"],
    ["0244/123.456", "+40244123456", "landline"],
    ["0240123456 int 12", "+40240123456", "landline"],
    ["0372 123 456", "+40372123456", "uan"],
    ["0800 123 456", "+40800123456", "toll_free"],
    ["0900 123 456", "+40900123456", "premium"],
    ["+36 30 123 4567", "+36301234567", "mobile"],
  ])("%s is %s, %s", (text, e164, type) => {
    expect(read(text)).toEqual([{ e164, type, valid: true, source: "test" }]);
  });

  it("that has a digit too few is none that one can call", () => {
    expect(read("0722-123-45")).toEqual([
      { e164: "+40072212345", type: "unknown", valid: false, source: "test" },
    ]);
  });
});

describe("several numbers in one field", () => {
  it.each([
    ["0244.123.456/0722123456", ["+40244123456", "+40722123456"]],
    ["0244/123456/0722123456", ["+40244123456", "+40722123456"]],
    ["0244/123456, 0722/123456", ["+40244123456", "+40722123456"]],
    ["0722123456;0733123456", ["+40722123456", "+40733123456"]],
    ["0722123456 sau 0733123456", ["+40722123456", "+40733123456"]],
    ["0722123456 0733123456", ["+40722123456", "+40733123456"]],
    ["0722123456-0733123456", ["+40722123456", "+40733123456"]],
    ["+40722123456 +40733123456", ["+40722123456", "+40733123456"]],
    ["0722123456 / 0722 123 456", ["+40722123456"]],
    ["0722123456/", ["+40722123456"]],
    ["-", []],
    ["nu are", []],
    ["", []],
  ])("%j", (text, numbers) => {
    expect(read(text).map(({ e164 }) => e164)).toEqual(numbers);
  });

  it("remember which field they came from, the first that had them", () => {
    const phones = readPhones([
      { text: "0722123456", source: "cui-validation" },
      { text: "+40 722 123 456, 0243230000", source: "web-content" },
    ]);
    expect(phones.map(({ e164, source }) => [e164, source])).toEqual([
      ["+40722123456", "cui-validation"],
      ["+40243230000", "web-content"],
    ]);
  });

  it("do not keep one busy, however long the text", () => {
    expect(splitNumbers("0722123456/".repeat(100_000)).length).toBeLessThan(100);
  });
});

describe("the number to call", () => {
  it("is a mobile before a landline before the rest; premium numbers and broken ones are not called", () => {
    const phones = read("0900123456, 0372123456, 0243230000, 0722-123-45, 0722123456");
    expect(bestPhone(phones)?.e164).toBe("+40722123456");
    expect(bestPhone(read("0372123456, 0243230000"))?.e164).toBe("+40243230000");
    expect(bestPhone(read("0900123456, 0722-123-45"))).toBeNull();
  });

  it("is looked up only when it is the best there is and its type is in doubt", () => {
    expect(phoneInDoubt(read("0372123456"))?.e164).toBe("+40372123456");
    expect(phoneInDoubt(read("0372123456, 0722123456"))).toBeNull();
    expect(phoneInDoubt(read("0243230000"))).toBeNull();
    expect(phoneInDoubt(read("0722-123-45"))).toBeNull();
  });

  it("takes what the look-up says; what that does not know stays", () => {
    const phones = read("0372123456, 0243230000");
    const e164 = "+40372123456";
    expect(withLookup(phones, { e164, valid: true, type: "voip" })[0]).toMatchObject({ type: "voip" });
    expect(withLookup(phones, { e164, valid: true, type: "unknown" })[0]).toMatchObject({ type: "uan" });
    expect(withLookup(phones, { e164, valid: false, type: "unknown" })[0]).toMatchObject({ valid: false });
    expect(withLookup(phones, { e164, valid: true, type: "voip" })[1]).toEqual(phones[1]);
  });
});
