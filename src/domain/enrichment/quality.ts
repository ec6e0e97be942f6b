/** The quality tier and score of a golden record. Thresholds: original document 000, "Data quality tiers". Pure. */

export type Tier = "gold" | "silver" | "bronze" | "unqualified";

export interface QualityFacts {
  /** Of each filled attribute, 0 to 100. */
  attributes: readonly { confidencePct: number; freshnessPct: number }[];
  /** An e-mail address that a verifier has found deliverable. */
  hasVerifiedEmail: boolean;
  /** Struck off the register: nobody to contact. */
  deregistered: boolean;
}

export interface Quality {
  tier: Tier;
  fieldsFilled: number;
  /** Completeness: what is known, of gold's 12 fields. This and the other parts are 0 to 100, rounded down. */
  completenessPct: number;
  /** Accuracy: mean confidence of what is known. A tier is not reached by rounding. */
  confidencePct: number;
  /** Freshness: what is known and not outdated, of gold's 12 fields. */
  freshnessPct: number;
  /** The mean of the three parts, 0 to 100. */
  scorePct: number;
}

/** From the best to the least. */
export const TIERS = [
  { tier: "gold", minFields: 12, minConfidencePct: 85, verifiedEmail: true },
  { tier: "silver", minFields: 8, minConfidencePct: 70, verifiedEmail: false },
  { tier: "bronze", minFields: 4, minConfidencePct: 50, verifiedEmail: false },
] as const;

const FULL = TIERS[0].minFields;

/** Scores a record. To know more, as surely as the rest is known, never lowers score or tier, however old it is. */
export function quality({ attributes, hasVerifiedEmail, deregistered }: QualityFacts): Quality {
  const fieldsFilled = attributes.length;
  const confidencePct =
    fieldsFilled === 0 ? 0 : Math.floor(sum(attributes.map((each) => each.confidencePct)) / fieldsFilled);
  const freshest = attributes.map((each) => each.freshnessPct).toSorted((a, b) => b - a);
  const completenessPct = Math.floor((Math.min(fieldsFilled, FULL) / FULL) * 100);
  const freshnessPct = Math.floor(sum(freshest.slice(0, FULL)) / FULL);
  const reached = TIERS.find(
    (step) =>
      fieldsFilled >= step.minFields &&
      confidencePct >= step.minConfidencePct &&
      (hasVerifiedEmail || !step.verifiedEmail),
  );
  return {
    tier: deregistered || !reached ? "unqualified" : reached.tier,
    fieldsFilled,
    completenessPct,
    confidencePct,
    freshnessPct,
    scorePct: Math.round((completenessPct + confidencePct + freshnessPct) / 3),
  };
}

/** How long the import's word is fresh: like the trade register's open data, which appear every few months. */
const IMPORT_FRESH_MS = 90 * 24 * 3_600_000;

/**
 * How fresh something known is, 0 to 100: fully for as long as the plan says (`freshForDays`), then less and less
 * until it is worth nothing after as long again.
 * @param freshUntil null: it came with the import
 */
export function freshnessPct(
  { observedAt, freshUntil }: { observedAt: Date; freshUntil: Date | null },
  now: Date,
): number {
  const lifeMs = freshUntil ? freshUntil.getTime() - observedAt.getTime() : IMPORT_FRESH_MS;
  const overdueMs = now.getTime() - observedAt.getTime() - lifeMs;
  if (overdueMs <= 0) return 100;
  return lifeMs <= 0 ? 0 : Math.max(0, Math.round(100 * (1 - overdueMs / lifeMs)));
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);
