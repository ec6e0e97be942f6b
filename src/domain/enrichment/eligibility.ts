/** Whether a prospect is worth asking about: a rule per field, stated in the plan and shown in estimates. Pure. */
import type { Tier } from "./quality.ts";
import { isKnown } from "./statement.ts";

/** All that is stated must hold. An attribute that nobody knows meets no `has` and no `atLeast`. */
export interface Eligibility {
  /** Not struck off the register, not declared inactive and not insolvent, as far as anybody knows. */
  active?: true;
  /** A company; sole traders are natural persons, and have no statements, staff or site of their own. */
  company?: true;
  /** Scored at least so high by now. */
  tier?: Exclude<Tier, "unqualified">;
  /** Attributes that must be known. */
  has?: readonly string[];
  /** Attributes of which one must be known. */
  hasOneOf?: readonly string[];
  /** Attributes that must not be known yet. */
  lacks?: readonly string[];
  /** Numbers, by attribute, that must be reached by one of them at least. */
  atLeastOneOf?: Readonly<Record<string, number>>;
}

export interface EligibilityFacts {
  isNaturalPerson: boolean;
  /** Null: not scored yet. */
  tier: Tier | null;
  /** What is known of the prospect, by attribute; null, blank and empty lists count as unknown. */
  attributes: Readonly<Record<string, unknown>>;
}

/** Which part of the rule is not met, by its name in the rule. */
export type IneligibleReason =
  | "inactive"
  | "sole_trader"
  | "tier_too_low"
  | "attribute_missing"
  | "already_known"
  | "too_small";

const RANK: Record<Tier, number> = { unqualified: 0, bronze: 1, silver: 2, gold: 3 };

/** Attributes that speak against a company's being active, and the value that does. */
const ENDED = { deregistered: true, inactive: true, insolvencyStatus: "insolvent" } as const;

/** Null when the rule is met, else the first part of it that is not. */
export function ineligibleBecause(
  rule: Eligibility | undefined,
  { isNaturalPerson, tier, attributes }: EligibilityFacts,
): IneligibleReason | null {
  if (!rule) return null;
  const known = (name: string) => isKnown(attributes[name]);
  if (rule.active && Object.entries(ENDED).some(([name, ended]) => attributes[name] === ended))
    return "inactive";
  if (rule.company && isNaturalPerson) return "sole_trader";
  if (rule.tier && RANK[tier ?? "unqualified"] < RANK[rule.tier]) return "tier_too_low";
  if (rule.has?.some((name) => !known(name))) return "attribute_missing";
  if (rule.hasOneOf && !rule.hasOneOf.some(known)) return "attribute_missing";
  if (rule.lacks?.some(known)) return "already_known";
  const sizes = Object.entries(rule.atLeastOneOf ?? {});
  if (sizes.length > 0 && !sizes.some(([name, least]) => Number(attributes[name] ?? Number.NaN) >= least)) {
    return "too_small";
  }
  return null;
}

/** The attributes that a rule looks at. */
export function attributesOf(rule: Eligibility | undefined): string[] {
  if (!rule) return [];
  const { active, has = [], hasOneOf = [], lacks = [], atLeastOneOf = {} } = rule;
  return [
    ...new Set([
      ...(active ? Object.keys(ENDED) : []),
      ...has,
      ...hasOneOf,
      ...lacks,
      ...Object.keys(atLeastOneOf),
    ]),
  ];
}

/** The rule in words, for estimates and reports. */
export function eligibilityInWords(rule: Eligibility | undefined): string {
  if (!rule) return "every prospect";
  const parts = [
    ...(rule.active ? ["active"] : []),
    ...(rule.company ? ["a company"] : []),
    ...(rule.tier ? [`at least ${rule.tier}`] : []),
    ...(rule.has?.map((name) => `${name} known`) ?? []),
    ...(rule.hasOneOf ? [`${rule.hasOneOf.join(" or ")} known`] : []),
    ...(rule.lacks?.map((name) => `${name} not known`) ?? []),
    ...sizesInWords(rule.atLeastOneOf),
  ];
  return parts.join(", ");
}

function sizesInWords(sizes: Readonly<Record<string, number>> = {}): string[] {
  const parts = Object.entries(sizes).map(([name, least]) => `${name} ${least} or more`);
  return parts.length === 0 ? [] : [parts.join(" or ")];
}
