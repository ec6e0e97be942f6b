import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Candidate, survivors } from "./survivorship.ts";

const said = (value: unknown, rest: Partial<Candidate> = {}): Candidate => ({
  value,
  source: "anaf",
  confidencePct: 90,
  observedAt: "2026-11-22T08:00:00.000Z",
  fieldValueId: null,
  ...rest,
});

describe("survivorship", () => {
  it("believes the trade register on the name, whatever the confidence of others", () => {
    const golden = survivors({
      name: [said("B", { confidencePct: 99 }), said("A", { source: "onrc", confidencePct: 60 })],
    });
    expect(golden.name?.value).toBe("A");
  });

  it("takes the higher confidence where nobody is the authority, then the newer", () => {
    const old = said(1, { observedAt: "2026-01-01T00:00:00.000Z" });
    expect(survivors({ employees: [old, said(2)] }).employees?.value).toBe(2);
    expect(survivors({ employees: [said(3, { confidencePct: 50 }), old] }).employees?.value).toBe(1);
  });

  it("never lets an empty value survive", () => {
    expect(survivors({ phone: [said(""), said(null), said("  ")], name: [said("A")] })).toHaveProperty(
      "name",
    );
    expect(survivors({ phone: [said("")] })).toEqual({});
  });

  it("keeps false and zero, which are answers", () => {
    const golden = survivors({ vatRegistered: [said(false)], employees: [said(0)] });
    expect(golden.vatRegistered?.value).toBe(false);
    expect(golden.employees?.value).toBe(0);
  });

  it("gives the same record whatever the order in which values came", () => {
    const candidate = fc.record({
      value: fc.integer(),
      source: fc.constantFrom("anaf", "onrc", "termene"),
      confidencePct: fc.integer({ min: 0, max: 100 }),
      observedAt: fc.constantFrom("2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"),
      fieldValueId: fc.constant(null),
    });
    const distinct = fc.uniqueArray(candidate, {
      selector: (c) => `${c.source} ${c.confidencePct} ${c.observedAt}`,
    });
    fc.assert(
      fc.property(fc.constantFrom("name", "other"), distinct, (attribute, candidates) => {
        const forwards = survivors({ [attribute]: candidates });
        expect(survivors({ [attribute]: candidates.toReversed() })).toEqual(forwards);
      }),
    );
  });
});
