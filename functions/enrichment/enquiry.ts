/** A prospect's way through the sources of a field: whom it is asked of, in which order, and what that comes to. */
import { inWorkspace } from "#db/client.ts";
import type { WorkKey } from "#db/queries/chunk-work.ts";
import type { Target } from "#db/queries/field-values.ts";
import { outcomesAround } from "#db/queries/source-outcomes.ts";
import type { Deps } from "#src/deps.ts";
import {
  drawOf,
  indexOutcomes,
  nextSource,
  planWaterfall,
  segmentOf,
  type WaterfallSource,
} from "#src/domain/enrichment/waterfall.ts";
import type { RunnableField } from "#src/platform/chunk-work.ts";
import type { Source, SourceAnswer } from "./source.ts";

/** A source under a name of its own: a field may ask one provider in several ways. */
export interface Way<Value> extends WaterfallSource {
  from: Source<Value>;
}

export function waysOf<Value>(deps: Deps, sources: readonly Source<Value>[]): Way<Value>[] {
  const providers = sources.map(({ provider }) => provider);
  return sources.map((from, at) => ({
    source: providers.indexOf(from.provider) === at ? from.provider : `${from.provider}:${at + 1}`,
    priceMicros: from.priceMicros?.(deps) ?? 0,
    from,
  }));
}

export type Unanswered = Exclude<SourceAnswer<unknown>, { status: "found" | "passed" | "paused" }>;

/** One prospect on its way through the sources. */
export interface Enquiry<Value> {
  target: Target;
  order: readonly Way<Value>[];
  asked: Set<string>;
  spentMicros: number;
  found: boolean;
  /** The pause that keeps its next source from being asked. */
  pausedBy: string | null;
  heard: { source: string; answer: Unanswered }[];
}

export async function enquiriesOf<Value>(
  deps: Deps,
  key: WorkKey,
  ways: readonly Way<Value>[],
  line: RunnableField,
  targets: readonly Target[],
): Promise<Enquiry<Value>[]> {
  const learned = line.order === "learned" && ways.length > 1 && targets.length > 0;
  const outcomes = learned
    ? indexOutcomes(
        await inWorkspace(deps.db, key.workspaceId, (tx) =>
          outcomesAround(tx, key.field, targets.map(segmentOf)),
        ),
      )
    : null;
  return targets.map((target) => ({
    target,
    order: outcomes ? planWaterfall(ways, outcomes, segmentOf(target), drawOf(target.id)) : ways,
    asked: new Set<string>(),
    spentMicros: 0,
    found: false,
    pausedBy: null,
    heard: [],
  }));
}

export function nextWay<Value>(
  { found, pausedBy, order, asked, spentMicros }: Enquiry<Value>,
  { maxCostMicros = Number.POSITIVE_INFINITY }: RunnableField,
): Way<Value> | null {
  return found || pausedBy ? null : nextSource(order, { asked, spentMicros, maxCostMicros });
}

/** Nobody is asked again after this round; nobody is waited for any more. */
export interface Last {
  round: boolean;
  wait: boolean;
}

export type End =
  | {
      status: "settled";
      source: string;
      answer: Extract<Unanswered, { status: "notFound" | "failed" | "review" }>;
    }
  | { status: "again" }
  | { status: "unavailable" }
  | { status: "passed" };

/**
 * What it comes to when no source has found a value. "Not found" by one says more than the failure of another, and less
 * than that one was not asked.
 */
export function endOf({ heard }: Enquiry<unknown>, last: Last): End {
  const again = heard.some(({ answer }) => answer.status === "failed" && answer.retryable);
  if (again && !last.round) return { status: "again" };
  const missed = heard.find(({ answer }) => answer.status === "unavailable");
  if (missed && !last.wait) return { status: "unavailable" };
  const [best] = heard.toSorted((a, b) => rankOf(a.answer) - rankOf(b.answer));
  if (!best) return { status: "passed" };
  return best.answer.status === "unavailable"
    ? { status: "settled", source: best.source, answer: STILL_UNAVAILABLE }
    : { status: "settled", source: best.source, answer: best.answer };
}

function rankOf(answer: Unanswered): number {
  if (answer.status === "failed" && answer.notAsked) return 1;
  return { review: 0, notFound: 2, failed: 3, unavailable: 4 }[answer.status];
}

const STILL_UNAVAILABLE = { status: "failed", code: "provider_unavailable", retryable: false } as const;
