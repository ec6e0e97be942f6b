import { describe, expect, it } from "vitest";
import { quality } from "./quality.ts";

const fields = (count: number, pct: number) => Array.from({ length: count }, () => pct);
const score = (count: number, pct: number, rest: { email?: boolean; deregistered?: boolean } = {}) =>
  quality({
    confidencesPct: fields(count, pct),
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
    const almost = quality({
      confidencesPct: [69, 70, 70, 70, 70, 70, 70, 70],
      hasVerifiedEmail: false,
      deregistered: false,
    });
    expect(almost).toMatchObject({ confidencePct: 69, tier: "bronze" });
  });

  it("scores completeness and confidence, half each", () => {
    expect(score(6, 90).scorePct).toBe(70);
    expect(score(20, 100).scorePct).toBe(100);
  });
});
