/**
 * In which order to ask the sources of a field, so that a hit costs least. Pure.
 *
 * Sources are taken to be independent. Then the least expected cost until the first hit is had by asking in rising
 * order of cost per ask / hit rate, which is the expected cost of a hit (the least cost testing sequence, L. G. Mitten
 * 1960). Both are estimated from recorded outcomes of the prospect's segment; where there are few of
 * them, from those of wider segments.
 */

export interface WaterfallSource {
  /** The provider's name. */
  source: string;
  /** What one ask costs at most, in micro-euros. */
  priceMicros: number;
}

/** What prospects are grouped by. "" stands for not known. */
export interface Segment {
  legalForm: string;
  /** The first two digits of the CAEN code of the first activity listed. */
  caenDivision: string;
  county: string;
}

export interface OutcomeCounts {
  asked: number;
  found: number;
  costMicros: number;
}

/** Recorded outcomes of one source in a segment, or, where parts are null, in all that differ only there. */
export type Outcomes = { source: string } & { [Part in keyof Segment]: string | null } & OutcomeCounts;

export interface Expectation {
  hitRate: number;
  /** Of one ask. */
  costMicros: number;
}

/**
 * Segments from the widest to the narrowest; each is estimated with the one before it as its parent. The legal form
 * says most (registers differ in whom they know), then the activity, then the place.
 */
const LEVELS: readonly (readonly (keyof Segment)[])[] = [
  [],
  ["legalForm"],
  ["legalForm", "caenDivision"],
  ["legalForm", "caenDivision", "county"],
];

/** As many outcomes of its own as make a segment count as much as its parent. */
const PARENT_WEIGHT = 20;
/** Before anything is known, every other ask is a hit; this opinion weighs as much as two outcomes. */
const PRIOR_HIT_RATE = 0.5;
const PRIOR_WEIGHT = 2;

/** The part of prospects for whom the least asked source comes first, so that its hit rate does not stay a guess. */
export const EXPLORED_SHARE = 0.02;

/** Recorded outcomes, ready to be looked up. */
export type OutcomeIndex = ReadonlyMap<string, OutcomeCounts>;

/** @param outcomes of every source at every level that will be looked up; missing ones count as none */
export function indexOutcomes(outcomes: readonly Outcomes[]): OutcomeIndex {
  return new Map(outcomes.map((each) => [indexKey(each.source, each), each]));
}

/** Adds outcomes of the narrowest segments up to all levels. */
export function rollUp(outcomes: readonly (Segment & { source: string } & OutcomeCounts)[]): Outcomes[] {
  const sums = new Map<string, Outcomes>();
  for (const each of outcomes) {
    for (const level of LEVELS) {
      const parts = { ...ALL, ...pick(each, level) };
      const key = indexKey(each.source, parts);
      const sum = sums.get(key) ?? { source: each.source, ...parts, asked: 0, found: 0, costMicros: 0 };
      sum.asked += each.asked;
      sum.found += each.found;
      sum.costMicros += each.costMicros;
      sums.set(key, sum);
    }
  }
  return [...sums.values()];
}

/** What asking a source about a prospect of this segment comes to. The hit rate is never 0 or 1. */
export function expectationOf(
  { source, priceMicros }: WaterfallSource,
  outcomes: OutcomeIndex,
  segment: Segment,
): Expectation {
  let estimate: Expectation = { hitRate: PRIOR_HIT_RATE, costMicros: priceMicros };
  for (const level of LEVELS) {
    const own = outcomes.get(indexKey(source, { ...ALL, ...pick(segment, level) }));
    if (!own) continue;
    const weight = level.length === 0 ? PRIOR_WEIGHT : PARENT_WEIGHT;
    estimate = {
      hitRate: (own.found + weight * estimate.hitRate) / (own.asked + weight),
      costMicros: (own.costMicros + weight * estimate.costMicros) / (own.asked + weight),
    };
  }
  return estimate;
}

/**
 * The sources in the order of the least expected cost per hit; ties keep the order given.
 * @param draw 0 to below 1, the same whenever the same prospect is asked about; absent: nothing is explored
 */
export function planWaterfall<Source extends WaterfallSource>(
  sources: readonly Source[],
  outcomes: OutcomeIndex,
  segment: Segment,
  draw = 1,
): Source[] {
  const rated = sources.map((source) => {
    const { costMicros, hitRate } = expectationOf(source, outcomes, segment);
    return { source, costPerHit: costMicros / hitRate };
  });
  const order = rated.toSorted((a, b) => a.costPerHit - b.costPerHit).map(({ source }) => source);
  if (draw >= EXPLORED_SHARE) return order;
  const asked = ({ source }: Source) => outcomes.get(indexKey(source, ALL))?.asked ?? 0;
  const [explored] = order.toSorted((a, b) => asked(a) - asked(b));
  return explored ? [explored, ...order.filter((source) => source !== explored)] : [];
}

/**
 * The next source to ask: the first that has not been asked and whose price, on top of what is spent already, stays
 * within the maximum. Null: the waterfall has ended.
 */
export function nextSource<Source extends WaterfallSource>(
  order: readonly Source[],
  { asked, spentMicros, maxCostMicros }: Spending,
): Source | null {
  return (
    order.find(
      ({ source, priceMicros }) => !asked.has(source) && spentMicros + priceMicros <= maxCostMicros,
    ) ?? null
  );
}

export interface Spending {
  /** Sources that have been asked about this prospect. */
  asked: ReadonlySet<string>;
  /** On this prospect's value so far. */
  spentMicros: number;
  /** Infinity: no maximum. */
  maxCostMicros: number;
}

/** The segment of a prospect, by what the registry says of it. */
export function segmentOf(prospect: {
  legalForm: string | null;
  county: string | null;
  activities: readonly { code: string }[] | null;
}): Segment {
  return {
    legalForm: prospect.legalForm ?? "",
    caenDivision: prospect.activities?.[0]?.code.slice(0, 2) ?? "",
    county: prospect.county ?? "",
  };
}

/** A draw for {@link planWaterfall} that is a prospect's own: the random end of its id (UUIDv7). */
export const drawOf = (prospectId: string): number => Number.parseInt(prospectId.slice(-8), 16) / 2 ** 32;

const ALL = { legalForm: null, caenDivision: null, county: null };

const pick = (segment: Segment, level: readonly (keyof Segment)[]): Partial<Segment> =>
  Object.fromEntries(level.map((part) => [part, segment[part]]));

const indexKey = (
  source: string,
  { legalForm, caenDivision, county }: Omit<Outcomes, "source" | keyof OutcomeCounts>,
) => JSON.stringify([source, legalForm, caenDivision, county]);
