import { describe, expect, it } from "vitest";
import { type EstimatedField, estimateField, type SampledProspect } from "./estimate.ts";

const source = { provider: "hunter", inUse: true, priceMicros: 40_000, perSecond: 8 };
const emails: EstimatedField = {
  id: "email-discovery",
  required: false,
  needs: ["web-discovery", "quality-score"],
  when: { company: true, has: ["domain"] },
  maxCostMicros: 60_000,
  sources: [source, { ...source, provider: "snov", priceMicros: 30_000 }],
  history: null,
};
const known = (attributes: object, fresh = ["web-discovery"]): SampledProspect => ({
  isNaturalPerson: false,
  tier: "silver",
  attributes: { ...attributes },
  fresh,
});

describe("the estimate of a field", () => {
  it("counts who is fresh, who is eligible, and scales the sample to all", () => {
    const sample = [
      known({ domain: "a.example" }),
      known({}),
      known({ domain: "b.example" }, ["web-discovery", "email-discovery"]),
      known({ domain: "c.example" }),
    ];
    expect(estimateField(emails, sample, 400)).toMatchObject({ fresh: 100, eligible: 200, assumed: 0 });
  });

  it("says how much of it is assumed where nothing is known yet", () => {
    const sample = [known({ domain: "a.example" }), { ...known({}, []), tier: null }];
    expect(estimateField(emails, sample, 100)).toMatchObject({ eligible: 75, assumed: 25 });
    const history = { eligibleShare: 0.1, meanCostMicros: 5_000 };
    expect(estimateField({ ...emails, history }, sample, 100)).toMatchObject({ eligible: 55, assumed: 5 });
  });

  it("costs at most what all sources together, or the plan, allow for", () => {
    const sample = [known({ domain: "a.example" })];
    expect(estimateField(emails, sample, 10).costMicros).toEqual({ expected: 400_000, most: 600_000 });
    expect(estimateField({ ...emails, maxCostMicros: 1_000_000 }, sample, 10).costMicros.most).toBe(700_000);
  });

  it("takes as long as the first source in use allows", () => {
    const sample = [known({ domain: "a.example" })];
    expect(estimateField(emails, sample, 80).durationSeconds).toBe(10);
    const off = { ...emails, sources: emails.sources.map((each) => ({ ...each, inUse: false })) };
    expect(estimateField(off, sample, 80)).toMatchObject({ eligible: 0, durationSeconds: null });
    expect(estimateField(off, sample, 80).costMicros).toEqual({ expected: 0, most: 0 });
  });

  it("is nothing for nobody", () => {
    expect(estimateField(emails, [], 0)).toMatchObject({ eligible: 0, costMicros: { most: 0 } });
  });
});
