import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { freshnessPct, quality, type Tier } from "./quality.ts";

const known = (count: number, confidencePct: number, freshnessPct = 100) =>
  Array.from({ length: count }, () => ({ confidencePct, freshnessPct }));
const score = (count: number, pct: number, rest: { email?: boolean; deregistered?: boolean } = {}) =>
  quality({
    attributes: known(count, pct),
    hasVerifiedEmail: rest.email ?? false,
    deregistered: rest.deregistered ?? false,
  });

describe("quality tiers", () => {
  it.each([
    [12, 85, true, "gold"],
    [12, 85, false, "silver"],
    [11, 99, true, "silver"],
    [12, 84, true, "silver"],
    [8, 70, false, "silver"],
    [7, 70, false, "bronze"],
    [8, 69, false, "bronze"],
    [4, 50, false, "bronze"],
    [3, 99, false, "unqualified"],
    [4, 49, false, "unqualified"],
    [0, 0, false, "unqualified"],
  ] as const)("%i fields at %i %% with a verified e-mail: %s -> %s", (count, pct, email, tier) => {
    expect(score(count, pct, { email }).tier).toBe(tier);
  });

  it("leaves a company that was struck off unqualified, however much is known of it", () => {
    expect(score(15, 95, { email: true, deregistered: true }).tier).toBe("unqualified");
  });

  it("does not reach a tier by rounding", () => {
    const attributes = [...known(1, 69), ...known(7, 70)];
    const almost = quality({ attributes, hasVerifiedEmail: false, deregistered: false });
    expect(almost).toMatchObject({ confidencePct: 69, tier: "bronze" });
  });
});

describe("the score", () => {
  it("is the mean of completeness, accuracy and freshness", () => {
    expect(score(6, 90)).toMatchObject({
      completenessPct: 50,
      confidencePct: 90,
      freshnessPct: 50,
      scorePct: 63,
    });
    expect(score(20, 100)).toMatchObject({ completenessPct: 100, freshnessPct: 100, scorePct: 100 });
    const half = quality({ attributes: known(12, 90, 50), hasVerifiedEmail: true, deregistered: false });
    expect(half).toMatchObject({ freshnessPct: 50, tier: "gold" });
  });

  it("never falls, nor the tier, by knowing more that is as sure as the rest, however old it is", () => {
    const rank: Tier[] = ["unqualified", "bronze", "silver", "gold"];
    const pct = fc.integer({ min: 0, max: 100 });
    const record = fc.record({
      attributes: fc.array(fc.record({ confidencePct: pct, freshnessPct: pct }), { maxLength: 16 }),
      hasVerifiedEmail: fc.boolean(),
      deregistered: fc.boolean(),
    });
    fc.assert(
      fc.property(record, fc.record({ above: pct, freshnessPct: pct }), (facts, more) => {
        const sum = facts.attributes.reduce((total, each) => total + each.confidencePct, 0);
        const mean = facts.attributes.length === 0 ? 0 : Math.ceil(sum / facts.attributes.length);
        const confidencePct = Math.min(100, mean + more.above);
        const before = quality(facts);
        const after = quality({
          ...facts,
          attributes: [...facts.attributes, { confidencePct, freshnessPct: more.freshnessPct }],
        });
        expect(after.scorePct).toBeGreaterThanOrEqual(before.scorePct);
        expect(rank.indexOf(after.tier)).toBeGreaterThanOrEqual(rank.indexOf(before.tier));
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("freshness", () => {
  const day = (n: number) => new Date(Date.UTC(2026, 0, 1 + n));
  const value = { observedAt: day(0), freshUntil: day(30) };
  it.each([
    [0, 100],
    [30, 100],
    [45, 50],
    [60, 0],
    [400, 0],
  ])("of a value that is fresh for 30 days is, after %i days, %i %%", (days, pct) => {
    expect(freshnessPct(value, day(days))).toBe(pct);
  });

  it("of the import's word holds for 90 days", () => {
    const imported = { observedAt: day(0), freshUntil: null };
    expect([90, 135, 180].map((days) => freshnessPct(imported, day(days)))).toEqual([100, 50, 0]);
  });

  it("of what was never fresh is nothing", () => {
    expect(freshnessPct({ observedAt: day(0), freshUntil: day(0) }, day(1))).toBe(0);
  });
});
