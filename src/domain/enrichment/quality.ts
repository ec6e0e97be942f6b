/** The quality tier of a golden record. Thresholds: original document 000, "Data quality tiers". */

export type Tier = "gold" | "silver" | "bronze" | "unqualified";

export interface QualityFacts {
  /** Confidence of each filled attribute, 0 to 100. */
  confidencesPct: readonly number[];
  /** An e-mail address that a verifier has found deliverable. */
  hasVerifiedEmail: boolean;
  /** Struck off the register: nobody to contact. */
  deregistered: boolean;
}

export interface Quality {
  tier: Tier;
  fieldsFilled: number;
  /** Mean confidence of what is filled, 0 to 100, rounded down: a tier is not reached by rounding. */
  confidencePct: number;
  /** Completeness (against gold's 12 fields) and confidence, half each, 0 to 100. */
  scorePct: number;
}

const TIERS = [
  { tier: "gold", minFields: 12, minConfidencePct: 85, verifiedEmail: true },
  { tier: "silver", minFields: 8, minConfidencePct: 70, verifiedEmail: false },
  { tier: "bronze", minFields: 4, minConfidencePct: 50, verifiedEmail: false },
] as const;

const FULL = TIERS[0].minFields;

/** Scores a record. */
export function quality({ confidencesPct, hasVerifiedEmail, deregistered }: QualityFacts): Quality {
  const fieldsFilled = confidencesPct.length;
  const sum = confidencesPct.reduce((total, pct) => total + pct, 0);
  const confidencePct = fieldsFilled === 0 ? 0 : Math.floor(sum / fieldsFilled);
  const reached = TIERS.find(
    (step) =>
      fieldsFilled >= step.minFields &&
      confidencePct >= step.minConfidencePct &&
      (hasVerifiedEmail || !step.verifiedEmail),
  );
  const completenessPct = Math.min(100, (fieldsFilled / FULL) * 100);
  return {
    tier: deregistered || !reached ? "unqualified" : reached.tier,
    fieldsFilled,
    confidencePct,
    scorePct: Math.round((completenessPct + confidencePct) / 2),
  };
}
