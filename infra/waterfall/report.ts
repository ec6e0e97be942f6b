/** The result of a simulation: as data, and as tables for a person. */
import Table from "cli-table3";
import type { Segment } from "#src/domain/enrichment/waterfall.ts";
import {
  type Amount,
  asItWas,
  type History,
  learnedOrder,
  permutations,
  replay,
  type Tally,
  total,
} from "./replay.ts";

export interface Replayed extends Tally {
  /** as it was: what happened. learned: by segment. permutation: the same for everybody. given: from --order. */
  kind: "as it was" | "learned" | "permutation" | "given";
  /** Null: it differs from prospect to prospect. */
  order: string[] | null;
  /** Null: nothing was found. */
  costPerHitMicros: number | null;
}

export interface Simulation {
  field: string;
  prospects: number;
  sources: string[];
  orders: Replayed[];
  /** By value of the part that --segment names, most prospects first; null without it. */
  segments: SimulatedSegment[] | null;
}

export interface SimulatedSegment {
  /** "": not known. */
  value: string;
  prospects: number;
  /** The learned order of most of its prospects. */
  learned: string[];
  orders: Replayed[];
}

export interface Wanted {
  order: string[] | null;
  segment: keyof Segment | null;
}

/** With more sources there would be too many rows to read. */
const MOST_PERMUTED = 4;
const MOST_SEGMENTS_SHOWN = 25;

export function simulate(field: string, history: History, { order, segment }: Wanted): Simulation {
  const names = history.sources.map(({ source }) => source);
  const orderOf = memoized((of: Segment) => learnedOrder(history, of));
  const all = names.length <= MOST_PERMUTED ? permutations(names) : [names];
  const usual = (within?: (of: Segment) => boolean): Replayed[] => [
    replayed("as it was", null, asItWas(history, within)),
    replayed("learned", null, replay(history, orderOf, within)),
  ];
  const given = (within?: (of: Segment) => boolean): Replayed[] =>
    order
      ? [
          replayed(
            "given",
            order,
            replay(history, () => order, within),
          ),
        ]
      : [];
  return {
    field,
    prospects: prospectsOf(history.ways),
    sources: names,
    orders: [
      ...usual(),
      ...given(),
      ...all.map((each) =>
        replayed(
          "permutation",
          each,
          replay(history, () => each),
        ),
      ),
    ],
    segments: segment
      ? valuesOf(history, segment).map(({ value, ways }) => {
          const within = (of: Segment) => of[segment] === value;
          return {
            value,
            prospects: prospectsOf(ways),
            learned: commonest(
              ways.map((way) => ({ order: orderOf(way.segment), prospects: way.prospects })),
            ),
            orders: [...usual(within), ...given(within)],
          };
        })
      : null,
  };
}

/** The simulation for a person. */
export function printSimulation(simulation: Simulation, colour: boolean): string {
  const { field, prospects, sources, orders, segments } = simulation;
  const table = (head: string[]) => new Table({ head, style: colour ? {} : { head: [], border: [] } });
  const main = table(["order", ...sources, "found", "cost", "cost per hit"]);
  for (const each of orders) {
    main.push([
      nameOf(each),
      ...sources.map((source) => count(each.asked[source] ?? NONE)),
      count(each.found),
      money(each.costMicros, 2),
      perHit(each),
    ]);
  }
  const lines = [
    `${field}: ${plain(prospects)} prospects were asked about; how often each source is asked, and what comes of it`,
    main.toString(),
  ];
  if (segments) lines.push(bySegment(segments, table).toString());
  const left = (segments?.length ?? 0) - MOST_SEGMENTS_SHOWN;
  if (left > 0) lines.push(`and ${left} more, which --json writes down`);
  lines.push(
    "~ rests on estimates: where a source was never asked about a prospect, because an earlier one had found the value,",
    "  its hit rate and cost are those of the prospect's segment. They are known from prospects that others had not",
    "  found, and so may be too low for a source that was mostly asked late.",
  );
  return lines.join("\n");
}

function bySegment(
  segments: readonly SimulatedSegment[],
  table: (head: string[]) => Table.Table,
): Table.Table {
  const kinds = segments[0]?.orders.map(({ kind }) => kind) ?? [];
  const shown = table([
    "segment",
    "prospects",
    ...kinds.flatMap((kind) => [`found, ${kind}`, "cost", "per hit"]),
    "learned order",
  ]);
  for (const { value, prospects, learned, orders } of segments.slice(0, MOST_SEGMENTS_SHOWN)) {
    shown.push([
      value === "" ? "(not known)" : value,
      plain(prospects),
      ...orders.flatMap((each) => [count(each.found), money(each.costMicros, 2), perHit(each)]),
      learned.join(" > "),
    ]);
  }
  return shown;
}

function replayed(kind: Replayed["kind"], order: string[] | null, tally: Tally): Replayed {
  const found = total(tally.found);
  return {
    kind,
    order,
    ...tally,
    costPerHitMicros: found === 0 ? null : total(tally.costMicros) / found,
  };
}

const nameOf = ({ kind, order }: Replayed): string => {
  if (!order) return kind === "learned" ? "learned, by segment" : kind;
  return kind === "given" ? `--order ${order.join(" > ")}` : order.join(" > ");
};

const prospectsOf = (ways: readonly { prospects: number }[]) =>
  ways.reduce((sum, { prospects }) => sum + prospects, 0);

function valuesOf({ ways }: History, segment: keyof Segment) {
  const values = Map.groupBy(ways, (way) => way.segment[segment]);
  return [...values]
    .map(([value, those]) => ({ value, ways: those }))
    .toSorted((a, b) => prospectsOf(b.ways) - prospectsOf(a.ways) || (a.value < b.value ? -1 : 1));
}

function commonest(orders: readonly { order: string[]; prospects: number }[]): string[] {
  const counts = Map.groupBy(orders, ({ order }) => order.join("\n"));
  const [most] = [...counts.values()].toSorted((a, b) => prospectsOf(b) - prospectsOf(a));
  return most?.[0]?.order ?? [];
}

function memoized(orderOf: (segment: Segment) => string[]): (segment: Segment) => string[] {
  const known = new Map<string, string[]>();
  return (segment) => {
    const key = JSON.stringify(segment);
    const order = known.get(key) ?? orderOf(segment);
    known.set(key, order);
    return order;
  };
}

const NONE: Amount = { known: 0, estimated: 0 };
const number = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const plain = (value: number) => number.format(value);
const mark = ({ estimated }: Amount) => (estimated > 0 ? "~" : "");
const count = (amount: Amount) => `${mark(amount)}${plain(total(amount))}`;
const euros = (micros: number, digits: number) => `€ ${(micros / 1_000_000).toFixed(digits)}`;
const money = (amount: Amount, digits: number) => `${mark(amount)}${euros(total(amount), digits)}`;
const perHit = ({ costPerHitMicros, costMicros, found }: Replayed) =>
  costPerHitMicros === null ? "-" : `${mark(costMicros) || mark(found)}${euros(costPerHitMicros, 4)}`;
