import type { Eligibility } from "#src/domain/enrichment/eligibility.ts";

/**
 * Which fields there are, one line each. The id is the name of the file in `fields/`.
 *
 * - `required`: a prospect it fails for ends as failed; the others are scored as soon as these are done.
 *   An optional field never holds a prospect up: its values are merged and scored when they come.
 * - `needs`: fields (or stages) that must have ended on the chunk before it starts. A field's sources see the values
 *   of those it needs.
 * - `freshForDays`: a value younger than this is not asked for again.
 * - `absentForDays`: and so "not found" (default: as long as a value).
 * - `when`: who is worth asking about. A rule looks at the values of the fields that the line needs, and at the golden
 *   record and tier as far as `quality-score` has been; so a line with a rule needs that.
 * - `maxCostEuros`: what one prospect's value may cost, over all sources of the field.
 * - `order`: "learned" asks the sources in the order in which a hit is expected to cost least, going by recorded
 *   outcomes of the prospect's county, legal form and activity; else the order in the field's file is kept.
 */
export interface PlanLine {
  required: boolean;
  needs?: readonly string[];
  freshForDays: number;
  absentForDays?: number;
  when?: Eligibility;
  maxCostEuros?: number;
  order?: "fixed" | "learned";
}

/**
 * Worth looking up one by one, and paying for: in business, with some size or some land that is paid for. About one in
 * eight, so that ten visits a second keep up with a hundred companies a second of the tax authority.
 */
const worthwhile = {
  active: true,
  company: true,
  atLeastOneOf: { turnoverRon: 2_500_000, farmPaymentsEuros: 50_000 },
} as const satisfies Eligibility;
const sizes = ["financials-bulk", "farmer-registry", "quality-score"] as const;

export const fields: Record<string, PlanLine> = {
  "cui-validation": { required: true, freshForDays: 30 },
  "fiscal-status": { required: true, needs: ["cui-validation"], freshForDays: 1 },
  "company-registry": { required: false, needs: ["cui-validation"], freshForDays: 90 },
  "farmer-registry": { required: false, freshForDays: 180 },
  "land-improvement": { required: false, freshForDays: 180 },
  "financials-bulk": { required: false, freshForDays: 180 },
  financials: {
    // A statement may be filed any day: that there is none is soon looked up again.
    ...{ required: false, needs: sizes, freshForDays: 180, absentForDays: 7 },
    // One a second: only whom the yearly files leave out, and who shows some other sign of business.
    when: {
      active: true,
      company: true,
      lacks: ["turnoverRon"],
      hasOneOf: ["farmPaymentsReceived", "vatSince"],
    },
  },
  "legal-data": {
    ...{ required: false, needs: sizes, freshForDays: 30, maxCostEuros: 0.3 },
    when: { ...worthwhile, tier: "bronze" },
  },
  "web-discovery": {
    ...{ required: false, needs: sizes, freshForDays: 90, absentForDays: 30, maxCostEuros: 0.05 },
    when: worthwhile,
  },
  "web-content": {
    ...{ required: false, needs: ["web-discovery", "quality-score"], freshForDays: 30, maxCostEuros: 0.05 },
    when: { has: ["domain"] },
  },
  "tech-detection": {
    // After web-content, whose pages it reads.
    ...{ required: false, needs: ["web-discovery", "web-content", "quality-score"], freshForDays: 90 },
    ...{ when: { has: ["domain"] }, maxCostEuros: 0.05 },
  },
  "email-discovery": {
    ...{ required: false, needs: ["web-discovery", "web-content", "quality-score"], freshForDays: 90 },
    // In the order of the file: Hunter is the one that knows who asked not to be contacted.
    ...{ absentForDays: 30, maxCostEuros: 0.25 },
    // Paid for only where the site itself names no address.
    when: { active: true, company: true, has: ["domain"], lacks: ["email"] },
  },
  "email-verification": {
    ...{ required: false, needs: ["web-content", "email-discovery", "quality-score"], freshForDays: 60 },
    ...{ maxCostEuros: 0.03, when: { active: true, has: ["email"] } },
  },
  "phone-validation": {
    ...{ required: false, needs: ["cui-validation", "web-content", "quality-score"], freshForDays: 180 },
    ...{ maxCostEuros: 0.02, when: { active: true, hasOneOf: ["phone", "webPhones"] } },
  },
};

/** What follows on a chunk as soon as its required fields are done, and again when later values arrive. */
export const stages: readonly string[] = ["merge", "quality-score"];
