import { describe, expect, it } from "vitest";
import { freeText, identifier, refuseUnstorable } from "./plain-text.ts";

const refusalOf = (given: unknown): unknown => {
  try {
    refuseUnstorable(given);
    return "taken";
  } catch (error) {
    return error;
  }
};

describe("what a request says", () => {
  it.each([[{ a: ["é", "😀", 1, null] }], ["\u0001\u200b"], [null], [undefined]])(
    "%j can be stored",
    (given) => {
      expect(refusalOf(given)).toBe("taken");
    },
  );

  it.each([
    [{ a: ["x", "\0"] }, "a.1"],
    [{ a: { b: "\ud800" } }, "a.b"],
    [{ a: { "\udc00": 1 } }, "a"],
  ])("%j cannot, and says where", (given, field) => {
    expect(refusalOf(given)).toMatchObject({ code: "invalid_text", field });
  });
});

describe("free text", () => {
  it("is trimmed, has a length, and keeps no personal number", () => {
    expect(freeText(40).parse("  asked for by 1800101221144 ")).toBe("asked for by [CNP]");
    expect(freeText(3).safeParse("four").success).toBe(false);
    expect(freeText(3).safeParse("  ").success).toBe(false);
  });
});

describe("an identifier", () => {
  it("has its pattern, and is no personal number", () => {
    expect(identifier(/^[a-z0-9-]+$/).parse("crm-2026")).toBe("crm-2026");
    for (const name of ["A", "1800101221144", "crm-1-80-01-01-22-11-44"]) {
      expect(identifier(/^[a-z0-9-]+$/).safeParse(name).success).toBe(false);
    }
  });
});
