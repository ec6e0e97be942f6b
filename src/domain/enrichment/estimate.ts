/** What a job would ask, cost and take, before it starts: pure. */
import { type Eligibility, eligibilityInWords, ineligibleBecause } from "./eligibility.ts";
import type { Tier } from "./quality.ts";

/** A prospect of the sample that stands for all that the job is about. */
export interface SampledProspect {
  isNaturalPerson: boolean;
  tier: Tier | null;
  /** The golden record's values. */
  attributes: Readonly<Record<string, unknown>>;
  /** Fields that have a fresh value. */
  fresh: readonly string[];
}

/** One source of a field, in the order in which they are asked. */
export interface EstimatedSource {
  provider: string;
  /** Whether it can be asked at all: its credentials are there. */
  inUse: boolean;
  /** For one prospect, at most. */
  priceMicros: number;
  /** Prospects a second, by the provider's own limit; null: no limit. */
  perSecond: number | null;
}

export interface EstimatedField {
  id: string;
  required: boolean;
  needs: readonly string[];
  when?: Eligibility;
  maxCostMicros?: number;
  sources: readonly EstimatedSource[];
  /** From former jobs: how many of those considered met the rule, and what one asked about cost. Null: no record. */
  history: { eligibleShare: number; meanCostMicros: number } | null;
}

export interface FieldEstimate {
  field: string;
  required: boolean;
  /** Who is asked about, in words. */
  rule: string;
  /** Left alone because they have a fresh value. */
  fresh: number;
  /** Expected to be asked about. */
  eligible: number;
  /** How many of the eligible rest on an assumption, because what the rule looks at is not known yet. */
  assumed: number;
  sources: readonly EstimatedSource[];
  costMicros: { expected: number; most: number };
  /** At the provider's own limit; null: local work. */
  durationSeconds: number | null;
}

/** Without any record, half of those that nothing is known of are taken to be eligible. */
const UNKNOWN_SHARE = 0.5;

/** @param total prospects that the job is about, of which `sample` is a random part */
export function estimateField(
  field: EstimatedField,
  sample: readonly SampledProspect[],
  total: number,
): FieldEstimate {
  const scale = sample.length === 0 ? 0 : total / sample.length;
  let fresh = 0;
  let eligible = 0;
  let open = 0;
  for (const prospect of sample) {
    if (prospect.fresh.includes(field.id)) fresh += 1;
    else if (!field.when) eligible += 1;
    else if (!isDecidable(field, prospect)) open += 1;
    else if (ineligibleBecause(field.when, prospect) === null) eligible += 1;
  }
  const assumed = open * (field.history?.eligibleShare ?? UNKNOWN_SHARE);
  const asked = (eligible + assumed) * scale;
  const used = field.sources.filter(({ inUse }) => inUse);
  const prices = used.reduce((sum, { priceMicros }) => sum + priceMicros, 0);
  const mostEach = Math.min(prices, field.maxCostMicros ?? Number.POSITIVE_INFINITY);
  const expectedEach = Math.min(field.history?.meanCostMicros ?? used[0]?.priceMicros ?? 0, mostEach);
  const rate = used[0]?.perSecond ?? null;
  return {
    field: field.id,
    required: field.required,
    rule: eligibilityInWords(field.when),
    fresh: Math.round(fresh * scale),
    eligible: used.length === 0 ? 0 : Math.round(asked),
    assumed: used.length === 0 ? 0 : Math.round(assumed * scale),
    sources: field.sources,
    costMicros: { expected: Math.round(asked * expectedEach), most: Math.round(asked * mostEach) },
    durationSeconds: rate === null || used.length === 0 ? null : Math.ceil(asked / rate),
  };
}

/** What the rule looks at is known when the fields it needs have been asked. */
const isDecidable = ({ needs }: EstimatedField, { tier, fresh }: SampledProspect): boolean =>
  tier !== null &&
  needs.every((need) => need === "quality-score" || need === "merge" || fresh.includes(need));
