/**
 * What another order of sources would have cost and found, by what came of the one that was taken. Where a source was
 * asked, its outcome is known. Where it never was (an earlier one had found the value), its hit rate and cost are
 * estimated from the prospect's segment, and what follows counts by its probability. Pure.
 */
import type { AskedAlike } from "#db/queries/source-outcomes.ts";
import {
  expectationOf,
  indexOutcomes,
  type OutcomeIndex,
  planWaterfall,
  rollUp,
  type Segment,
  segmentOf,
  type WaterfallSource,
} from "#src/domain/enrichment/waterfall.ts";

/** Part of it known, part of it estimated. */
export interface Amount {
  known: number;
  estimated: number;
}

export interface Tally {
  /** Asks, by source. */
  asked: Record<string, Amount>;
  found: Amount;
  costMicros: Amount;
}

export interface History {
  ways: readonly (AskedAlike & { segment: Segment })[];
  /** Those ever asked, in the order in which they were mostly asked; the price is what an ask has cost on average. */
  sources: readonly WaterfallSource[];
  outcomes: OutcomeIndex;
}

export function createHistory(rows: readonly AskedAlike[]): History {
  const ways = rows.map((row) => ({
    ...row,
    segment: segmentOf({ ...row, activities: row.caenCode === null ? null : [{ code: row.caenCode }] }),
  }));
  const places = new Map<string, { sum: number; asked: number; costMicros: number }>();
  for (const { asks, prospects } of ways) {
    for (const [index, { source, costMicros }] of asks.entries()) {
      const place = places.get(source) ?? { sum: 0, asked: 0, costMicros: 0 };
      place.sum += index * prospects;
      place.asked += prospects;
      place.costMicros += costMicros * prospects;
      places.set(source, place);
    }
  }
  const sources = [...places]
    .toSorted(([a, one], [b, other]) => one.sum / one.asked - other.sum / other.asked || (a < b ? -1 : 1))
    .map(([source, { asked, costMicros }]) => ({ source, priceMicros: costMicros / asked }));
  const outcomes = ways.flatMap(({ asks, prospects, segment }) =>
    asks.map(({ source, found, costMicros }) => ({
      source,
      ...segment,
      asked: prospects,
      found: found ? prospects : 0,
      costMicros: costMicros * prospects,
    })),
  );
  return { ways, sources, outcomes: indexOutcomes(rollUp(outcomes)) };
}

/** The order that would be taken for a segment by all that is known now. */
export const learnedOrder = ({ sources, outcomes }: History, segment: Segment): string[] =>
  planWaterfall(sources, outcomes, segment).map(({ source }) => source);

/** What really happened. */
export function asItWas({ ways }: History, within: (segment: Segment) => boolean = () => true): Tally {
  const tally = emptyTally();
  for (const { asks, prospects, segment } of ways) {
    if (!within(segment)) continue;
    for (const ask of asks) {
      add(askedOf(tally, ask.source), "known", prospects);
      add(tally.costMicros, "known", prospects * ask.costMicros);
      if (ask.found) add(tally.found, "known", prospects);
    }
  }
  return tally;
}

/** @param orderOf sources in the order to try, for a segment; the first to find ends it */
export function replay(
  { ways, sources, outcomes }: History,
  orderOf: (segment: Segment) => readonly string[],
  within: (segment: Segment) => boolean = () => true,
): Tally {
  const bySource = new Map(sources.map((source) => [source.source, source]));
  const tally = emptyTally();
  for (const { asks, prospects, segment } of ways) {
    if (!within(segment)) continue;
    /** Prospects for whom nothing was found so far: a number by probability, once an outcome was estimated. */
    let open = prospects;
    let certain = true;
    for (const name of orderOf(segment)) {
      const source = bySource.get(name);
      if (!source || open === 0) continue;
      const ask = asks.find((each) => each.source === name);
      const { hitRate, costMicros } = ask
        ? { hitRate: Number(ask.found), costMicros: ask.costMicros }
        : expectationOf(source, outcomes, segment);
      // How many were reached is a guess as soon as one outcome before was.
      const kind = ask && certain ? "known" : "estimated";
      add(askedOf(tally, name), kind, open);
      add(tally.costMicros, kind, open * costMicros);
      add(tally.found, kind, open * hitRate);
      open *= 1 - hitRate;
      if (!ask) certain = false;
    }
  }
  return tally;
}

/** Every order of these. */
export function permutations<Item>(items: readonly Item[]): Item[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((first) =>
    permutations(items.filter((item) => item !== first)).map((rest) => [first, ...rest]),
  );
}

export const total = ({ known, estimated }: Amount): number => known + estimated;

const emptyTally = (): Tally => ({
  asked: {},
  found: { known: 0, estimated: 0 },
  costMicros: { known: 0, estimated: 0 },
});

function askedOf(tally: Tally, source: string): Amount {
  tally.asked[source] ??= { known: 0, estimated: 0 };
  return tally.asked[source];
}

function add(amount: Amount, kind: keyof Amount, by: number): void {
  amount[kind] += by;
}
