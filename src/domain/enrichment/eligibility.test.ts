import { describe, expect, it } from "vitest";
import { attributesOf, type Eligibility, eligibilityInWords, ineligibleBecause } from "./eligibility.ts";

const rule: Eligibility = {
  active: true,
  company: true,
  tier: "bronze",
  has: ["domain"],
  lacks: ["email"],
  atLeastOneOf: { turnoverRon: 500_000, employees: 3 },
};
const worthy = {
  isNaturalPerson: false,
  tier: "silver" as const,
  attributes: { domain: "agro.example", turnoverRon: 600_000, employees: 1, inactive: false },
};

describe("who is worth asking about", () => {
  it("is everybody without a rule", () => {
    expect(ineligibleBecause(undefined, { ...worthy, attributes: {} })).toBeNull();
  });

  it("is who meets all of it", () => {
    expect(ineligibleBecause(rule, worthy)).toBeNull();
    expect(
      ineligibleBecause(rule, {
        ...worthy,
        attributes: { ...worthy.attributes, turnoverRon: 1, employees: 3 },
      }),
    ).toBeNull();
  });

  it.each([
    ["inactive", { attributes: { ...worthy.attributes, deregistered: true } }],
    ["inactive", { attributes: { ...worthy.attributes, inactive: true } }],
    ["inactive", { attributes: { ...worthy.attributes, insolvencyStatus: "insolvent" } }],
    ["sole_trader", { isNaturalPerson: true }],
    ["tier_too_low", { tier: "unqualified" as const }],
    ["tier_too_low", { tier: null }],
    ["attribute_missing", { attributes: { ...worthy.attributes, domain: " " } }],
    ["already_known", { attributes: { ...worthy.attributes, email: "a@agro.example" } }],
    ["too_small", { attributes: { domain: "agro.example" } }],
  ])("is not who is %s", (reason, change) => {
    expect(ineligibleBecause(rule, { ...worthy, ...change })).toBe(reason);
  });

  it("asks for one of several where one is enough", () => {
    const either: Eligibility = { hasOneOf: ["phone", "webPhone"] };
    expect(ineligibleBecause(either, { ...worthy, attributes: { webPhone: "1" } })).toBeNull();
    expect(ineligibleBecause(either, worthy)).toBe("attribute_missing");
  });

  it("names what it looks at, and says itself in words", () => {
    expect(attributesOf(rule)).toEqual([
      "deregistered",
      "inactive",
      "insolvencyStatus",
      "domain",
      "email",
      "turnoverRon",
      "employees",
    ]);
    expect(eligibilityInWords(rule)).toBe(
      "active, a company, at least bronze, domain known, email not known, turnoverRon 500000 or more or employees 3 or more",
    );
    expect(eligibilityInWords(undefined)).toBe("every prospect");
  });
});
