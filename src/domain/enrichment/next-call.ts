/**
 * The cheapest next call that would raise a prospect's tier: pure. What a call brings is expected from what others of
 * its kind have brought; only attributes that are not known yet count, not better answers to what is known.
 */
import { type Eligibility, ineligibleBecause } from "./eligibility.ts";
import { type QualityFacts, quality, TIERS, type Tier } from "./quality.ts";
import { isKnown } from "./statement.ts";
import { expectationOf, indexOutcomes } from "./waterfall.ts";

export interface ScoredProspect {
  isNaturalPerson: boolean;
  tier: Tier;
  /** The golden record. */
  golden: Readonly<Record<string, { value: unknown; confidencePct: number }>>;
  /** Fields that have an answer, by whether it is still fresh: those are not asked. */
  answered: Readonly<Record<string, "fresh" | "stale">>;
}

/** A field of the plan as it can be expected to turn out. */
export interface ExpectedField {
  id: string;
  needs: readonly string[];
  when?: Eligibility;
  /** What asking about one prospect costs, expected over the field's sources; null: no source is in use. */
  costMicros: number | null;
  /** How many of those asked about are found, 0 to 1. */
  hitRate: number;
  /** What is found then: of each attribute, how many finds have it, 0 to 1 (of `emailVerified`, how many say true). */
  brings: Readonly<Record<string, number>>;
  /** Of what is found. */
  confidencePct: number;
}

/** What came of a field so far; answers with a value, or that there is none. */
export interface FieldRecord {
  asked: number;
  found: number;
  costMicros: number;
  /** Of what was found, on average. */
  confidencePct: number;
  /** How many finds had each attribute. */
  filled: Readonly<Record<string, number>>;
}

/**
 * What asking a field can be expected to come to. Without a record it costs its price, and brings nothing that we know of.
 * @param priceMicros of its first source that is in use; null: none is
 */
export function expectedField(
  line: Pick<ExpectedField, "id" | "needs" | "when"> & { maxCostMicros?: number },
  priceMicros: number | null,
  record: FieldRecord | null,
): ExpectedField {
  const { id, needs, when, maxCostMicros = Number.POSITIVE_INFINITY } = line;
  const source = { source: id, priceMicros: priceMicros ?? 0 };
  const outcomes = record ? [{ ...ANY_SEGMENT, ...record, source: id }] : [];
  const { hitRate, costMicros } = expectationOf(source, indexOutcomes(outcomes), NO_SEGMENT);
  const found = record?.found ?? 0;
  return {
    id,
    needs,
    ...(when ? { when } : {}),
    costMicros: priceMicros === null ? null : Math.round(Math.min(costMicros, maxCostMicros)),
    hitRate,
    brings: Object.fromEntries(
      Object.entries(record?.filled ?? {}).map(([name, count]) => [name, count / found]),
    ),
    confidencePct: Math.floor(record?.confidencePct ?? 0),
  };
}

const ANY_SEGMENT = { legalForm: null, caenDivision: null, county: null };
const NO_SEGMENT = { legalForm: "", caenDivision: "", county: "" };

/** One call, and what it would have to find. */
export interface Call {
  field: string;
  costMicros: number;
  /** Attributes that are not known yet and that it usually brings. */
  brings: string[];
  /** How likely it is that it does, 0 to 1. */
  probability: number;
}

export interface NextCall {
  /** The field to ask now. */
  field: string;
  /** The tier that it would raise the prospect to, by itself or with the call after it. */
  tier: Tier;
  /** What that tier still lacks. */
  missing: { attributes: number; verifiedEmail: boolean; confidencePct: number };
  /** It, and the call after it where one is not enough. */
  calls: Call[];
  /** What all calls cost if all are made. */
  totalMicros: number;
  /** What they cost on average for each prospect that they raise: the lowest there is. */
  expectedMicros: number;
  /** How likely it is that they raise the tier, 0 to 1. */
  probability: number;
}

/** Finds of a field usually have an attribute that at least half of them have. */
const USUAL = 0.5;
const VERIFIED = "emailVerified";

/** The call to make next, or null when none, and no two, can be expected to raise the tier. */
export function nextCall(prospect: ScoredProspect, fields: readonly ExpectedField[]): NextCall | null {
  const now = stateOf(prospect);
  const options = fields.flatMap((first) => {
    const one = ask(now, first, fields);
    if (!one) return [];
    const two = fields.flatMap((second) => {
      const both = ask(one, second, fields);
      return both ? [both] : [];
    });
    return [one, ...two];
  });
  const raising = options.flatMap((state) => toNextCall(prospect, state));
  const [best] = raising.toSorted(
    (a, b) =>
      a.expectedMicros - b.expectedMicros || a.calls.length - b.calls.length || b.probability - a.probability,
  );
  return best ?? null;
}

/** What would be known after some calls. */
interface State {
  prospect: ScoredProspect;
  attributes: Record<string, unknown>;
  confidencesPct: number[];
  verifiedEmail: boolean;
  answered: ReadonlySet<string>;
  calls: Call[];
}

function stateOf(prospect: ScoredProspect): State {
  const { golden, answered } = prospect;
  return {
    prospect,
    attributes: Object.fromEntries(Object.entries(golden).map(([name, { value }]) => [name, value])),
    confidencesPct: Object.values(golden).map(({ confidencePct }) => confidencePct),
    verifiedEmail: golden[VERIFIED]?.value === true,
    answered: new Set(Object.keys(answered)),
    calls: [],
  };
}

/** The state after the field was asked and has found what is usual; null: it cannot be asked, or tells nothing new. */
function ask(state: State, field: ExpectedField, fields: readonly ExpectedField[]): State | null {
  const { prospect, attributes, answered, calls } = state;
  const isDone = prospect.answered[field.id] === "fresh" || calls.some((call) => call.field === field.id);
  if (field.costMicros === null || isDone || !canBeAsked(state, field)) return null;
  const waitsFor = (need: string) =>
    fields.some((each) => each.id === need && each.costMicros !== null && canBeAsked(state, each)) &&
    !answered.has(need);
  if (field.needs.some(waitsFor)) return null;

  const verifies = !state.verifiedEmail && (field.brings[VERIFIED] ?? 0) > 0;
  const brings = Object.keys(field.brings).filter(
    (name) => !isKnown(attributes[name]) && ((field.brings[name] ?? 0) >= USUAL || name === VERIFIED),
  );
  if (brings.length === 0 && !verifies) return null;
  const probability = field.hitRate * (verifies ? (field.brings[VERIFIED] ?? 0) : 1);
  return {
    prospect,
    attributes: { ...attributes, ...Object.fromEntries(brings.map((name) => [name, FOUND])) },
    confidencesPct: [...state.confidencesPct, ...brings.map(() => field.confidencePct)],
    verifiedEmail: state.verifiedEmail || verifies,
    answered: new Set([...answered, field.id]),
    calls: [...calls, { field: field.id, costMicros: field.costMicros, brings, probability }],
  };
}

/** Stands for what a call would find: known, and of no size. */
const FOUND = "found";

function canBeAsked({ prospect, attributes }: State, { when }: ExpectedField): boolean {
  const { isNaturalPerson, tier } = prospect;
  return ineligibleBecause(when, { isNaturalPerson, tier, attributes }) === null;
}

function toNextCall(prospect: ScoredProspect, { confidencesPct, verifiedEmail, calls }: State): NextCall[] {
  const [first] = calls;
  const { tier } = quality(factsOf(prospect, confidencesPct, verifiedEmail));
  if (!first || rankOf(tier) <= rankOf(prospect.tier)) return [];
  const probability = calls.reduce((all, call) => all * call.probability, 1);
  if (probability === 0) return [];
  // The second is made only when the first has found something.
  const spent = first.costMicros + (calls[1] ? first.probability * calls[1].costMicros : 0);
  return [
    {
      field: first.field,
      tier,
      missing: missingOf(prospect, tier),
      calls,
      totalMicros: calls.reduce((total, { costMicros }) => total + costMicros, 0),
      expectedMicros: Math.round(spent / probability),
      probability,
    },
  ];
}

function missingOf({ golden }: ScoredProspect, tier: Tier): NextCall["missing"] {
  const step = TIERS.find((each) => each.tier === tier);
  const attributes = Object.values(golden);
  const { confidencePct } = quality(
    factsOf(
      { golden },
      attributes.map((each) => each.confidencePct),
      false,
    ),
  );
  return {
    attributes: Math.max(0, (step?.minFields ?? 0) - attributes.length),
    verifiedEmail: step?.verifiedEmail === true && golden[VERIFIED]?.value !== true,
    confidencePct: Math.max(0, (step?.minConfidencePct ?? 0) - confidencePct),
  };
}

const factsOf = (
  { golden }: Pick<ScoredProspect, "golden">,
  confidencesPct: readonly number[],
  hasVerifiedEmail: boolean,
): QualityFacts => ({
  // No tier asks how fresh a value is.
  attributes: confidencesPct.map((confidencePct) => ({ confidencePct, freshnessPct: 100 })),
  hasVerifiedEmail,
  deregistered: golden.deregistered?.value === true,
});

const rankOf = (tier: Tier): number => {
  const place = TIERS.findIndex((step) => step.tier === tier);
  return place === -1 ? 0 : TIERS.length - place;
};
