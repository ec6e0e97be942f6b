/** One round of a field on a chunk: its sources asked in order, what they say written as it comes. */
import type { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { type NewApproval, requestApprovals } from "#db/queries/approvals.ts";
import type { WorkKey } from "#db/queries/chunk-work.ts";
import {
  type NewFieldValue,
  type Target,
  targetsOfField,
  writeFieldValues,
} from "#db/queries/field-values.ts";
import { outcomesAround, recordOutcomes, type SourceOutcome } from "#db/queries/source-outcomes.ts";
import type { Deps } from "#src/deps.ts";
import { attributesOf, ineligibleBecause } from "#src/domain/enrichment/eligibility.ts";
import {
  drawOf,
  indexOutcomes,
  nextSource,
  planWaterfall,
  segmentOf,
  type WaterfallSource,
} from "#src/domain/enrichment/waterfall.ts";
import { maskPersonalNumbersDeep } from "#src/domain/registry/personal-numbers.ts";
import { cleanEuid, cleanRegistrationNumber } from "#src/domain/registry/registration-number.ts";
import { REVIEW_MS } from "#src/platform/approvals.ts";
import { type RunnableField, whileMine } from "#src/platform/chunk-work.ts";
import { ProviderError } from "#src/platform/provider-error.ts";
import type { Source, SourceAnswer } from "./source.ts";

export interface Round<Value> {
  schema: z.ZodType<Value>;
  sources: readonly Source<Value>[];
  line: RunnableField;
  /** Nobody is asked again after this round; nobody is waited for any more. */
  last: { round: boolean; wait: boolean };
}

export interface RoundResult {
  found: number;
  notFound: number;
  inReview: number;
  failed: number;
  /** Left out by the rule, or by all sources. */
  ineligible: number;
  /** To be asked again in the next round. */
  remaining: number;
  /** Some could not be asked now; null: there is nothing to wait for. */
  wait: Wait | null;
}

/** When to come back: when a turn will be free, or, in an outage, to see whether it is over. */
export interface Wait {
  for: "turn" | "outage";
  ms: number;
}

/** When every source left is unavailable. */
const COME_BACK_MS = 30_000;

/**
 * Asks the sources about everybody of the chunk who has no value yet, and writes what they say as it comes.
 * @throws whatever is no provider's word for "later"
 */
export async function askRound<Value extends Record<string, unknown>>(
  deps: Deps,
  key: WorkKey,
  { schema, sources, line, last }: Round<Value>,
): Promise<RoundResult> {
  const view = { needs: line.needs, attributes: attributesOf(line.when) };
  // The deadline starts anew with each round, and with each retry of it.
  const targets = await whileMine(deps, key, (tx) => targetsOfField(tx, key, view));
  const eligible = targets.filter((target) => ineligibleBecause(line.when, factsOf(target)) === null);
  const enquiries = await enquiriesOf(deps, key, waysOf(deps, sources), line, eligible);
  let wait: Wait | null = null;
  while (wait === null) {
    const next = Map.groupBy(enquiries, (each) => nextWay(each, line));
    next.delete(null);
    if (next.size === 0) break;
    const asked = await Promise.allSettled(
      [...next].map(([way, members]) => askWay(deps, key, { schema, way: way as Way<Value>, line }, members)),
    );
    // What the others brought is written by now.
    for (const each of asked) {
      if (each.status === "fulfilled") continue;
      if (last.wait || !(each.reason instanceof ProviderError && each.reason.retryable)) throw each.reason;
      const { kind, retryAfterMs = COME_BACK_MS } = each.reason;
      wait = longer(wait, { for: kind === "rate_limited" ? "turn" : "outage", ms: retryAfterMs });
    }
  }

  const open = enquiries.filter((each) => !each.found);
  // Who has a source left was stopped by the wait, and is nowhere yet.
  const stopped = open.filter((each) => wait !== null && nextWay(each, line) !== null);
  const ends = open
    .filter((each) => !stopped.includes(each))
    .map((each) => ({ each, end: endOf(each, last) }));
  const counts = await writeEnds(deps, key, line, ends);
  if (ends.some(({ end }) => end.status === "unavailable")) wait ??= { for: "outage", ms: COME_BACK_MS };
  const passed = ends.filter(({ end }) => end.status === "passed").length;
  return {
    found: enquiries.length - open.length,
    ...counts,
    ineligible: targets.length - eligible.length + passed,
    remaining: ends.filter(({ end }) => end.status === "again").length,
    wait,
  };
}

const longer = (one: Wait | null, other: Wait): Wait => (one && one.ms > other.ms ? one : other);

/** A source under a name of its own: a field may ask one provider in several ways. */
interface Way<Value> extends WaterfallSource {
  from: Source<Value>;
}

function waysOf<Value>(deps: Deps, sources: readonly Source<Value>[]): Way<Value>[] {
  const providers = sources.map(({ provider }) => provider);
  return sources.map((from, at) => ({
    source: providers.indexOf(from.provider) === at ? from.provider : `${from.provider}:${at + 1}`,
    priceMicros: from.priceMicros?.(deps) ?? 0,
    from,
  }));
}

type Unanswered = Exclude<SourceAnswer<unknown>, { status: "found" } | { status: "passed" }>;

/** One prospect on its way through the sources. */
interface Enquiry<Value> {
  target: Target;
  order: readonly Way<Value>[];
  asked: Set<string>;
  spentMicros: number;
  found: boolean;
  heard: { source: string; answer: Unanswered }[];
}

async function enquiriesOf<Value>(
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
    heard: [],
  }));
}

function nextWay<Value>(
  { found, order, asked, spentMicros }: Enquiry<Value>,
  { maxCostMicros = Number.POSITIVE_INFINITY }: RunnableField,
): Way<Value> | null {
  return found ? null : nextSource(order, { asked, spentMicros, maxCostMicros });
}

/** Asks one source about those whose turn it is, and writes the values that it has found. */
async function askWay<Value extends Record<string, unknown>>(
  deps: Deps,
  key: WorkKey,
  { schema, way, line }: { schema: z.ZodType<Value>; way: Way<Value>; line: RunnableField },
  members: readonly Enquiry<Value>[],
): Promise<void> {
  const { provider } = way.from;
  const targets = members.map(({ target }) => target);
  const answers = await way.from.ask(deps, key, targets);
  const values: NewFieldValue[] = [];
  const outcomes: SourceOutcome[] = [];
  for (const each of members) {
    const { target, asked } = each;
    asked.add(way.source);
    const answer = checkAnswer(schema, answers.get(target.id));
    const costMicros = "costMicros" in answer ? (answer.costMicros ?? 0) : 0;
    each.spentMicros += costMicros;
    if (answer.status === "found") {
      each.found = true;
      values.push(foundValue(each, provider, answer, line.freshMs));
    } else if (answer.status !== "passed") each.heard.push({ source: provider, answer });
    if (answer.status === "found" || answer.status === "notFound") {
      const outcome = { source: way.source, place: asked.size, found: each.found, costMicros };
      outcomes.push({ prospectId: target.id, ...segmentOf(target), ...outcome });
    }
  }
  // With one source there is no order to learn.
  const worthKeeping = (members[0]?.order.length ?? 0) > 1 ? outcomes : [];
  if (values.length + worthKeeping.length === 0) return;
  await whileMine(deps, key, async (tx) => {
    await writeFieldValues(tx, key, values);
    await recordOutcomes(tx, key, worthKeeping);
  });
}

/** Writes what it came to for those whom no source has found. */
async function writeEnds(
  deps: Deps,
  key: WorkKey,
  line: RunnableField,
  ends: readonly { each: Enquiry<unknown>; end: End }[],
): Promise<{ notFound: number; inReview: number; failed: number }> {
  const expiresAt = new Date(deps.now().getTime() + REVIEW_MS);
  const values: NewFieldValue[] = [];
  const reviews: NewApproval[] = [];
  for (const { each, end } of ends) {
    if (end.status !== "settled") continue;
    values.push(emptyValue(deps, each, end, line, expiresAt));
    if (end.answer.status === "review")
      reviews.push(approvalOf(each, end.source, end.answer, line, expiresAt));
  }
  if (values.length > 0) {
    await whileMine(deps, key, async (tx) => {
      await writeFieldValues(tx, key, values);
      await requestApprovals(tx, key, reviews);
    });
  }
  const count = (status: NewFieldValue["status"]) => values.filter((value) => value.status === status).length;
  return { notFound: count("not_found"), inReview: count("in_review"), failed: count("failed") };
}

/** What was just found is newer than the golden record; what a field could not say takes nothing away from others. */
function factsOf({ isNaturalPerson, tier, values, golden }: Target) {
  const said = Object.values(values).flatMap((value) =>
    Object.entries(value).filter(([, each]) => each !== null),
  );
  return { isNaturalPerson, tier, attributes: { ...golden, ...Object.fromEntries(said) } };
}

type End =
  | {
      status: "settled";
      source: string;
      answer: Extract<Unanswered, { status: "notFound" | "failed" | "review" }>;
    }
  | { status: "again" }
  | { status: "unavailable" }
  | { status: "passed" };

/** What it comes to when no source has found a value. "Not found" by one says more than the failure of another. */
function endOf({ heard }: Enquiry<unknown>, last: Round<unknown>["last"]): End {
  const again = heard.some(({ answer }) => answer.status === "failed" && answer.retryable);
  if (again && !last.round) return { status: "again" };
  const missed = heard.find(({ answer }) => answer.status === "unavailable");
  if (missed && !last.wait) return { status: "unavailable" };
  const rank = { review: -1, notFound: 0, failed: 1, unavailable: 2 };
  const [best] = heard.toSorted((a, b) => rank[a.answer.status] - rank[b.answer.status]);
  if (!best) return { status: "passed" };
  return best.answer.status === "unavailable"
    ? { status: "settled", source: best.source, answer: STILL_UNAVAILABLE }
    : { status: "settled", source: best.source, answer: best.answer };
}

const STILL_UNAVAILABLE = { status: "failed", code: "provider_unavailable", retryable: false } as const;

/** Outside data: a value that does not fit its schema is no value, and no personal number passes. */
function checkAnswer<Value extends Record<string, unknown>>(
  schema: z.ZodType<Value>,
  answer: SourceAnswer<Value> | undefined,
): SourceAnswer<Value> {
  if (!answer) return { status: "failed", code: "no_answer", retryable: true };
  if (answer.status !== "found" && answer.status !== "review") return answer;
  const parsed = schema.safeParse(answer.value);
  if (!parsed.success) return { status: "failed", code: "bad_value", retryable: false };
  return { ...answer, value: { ...maskPersonalNumbersDeep(parsed.data), ...registerNumbersOf(parsed.data) } };
}

/** The trade register's own numbers have thirteen digits since 2024, and are no personal numbers. */
function registerNumbersOf<Value extends Record<string, unknown>>({ registrationNumber, euid }: Value) {
  return {
    ...(typeof registrationNumber === "string"
      ? { registrationNumber: cleanRegistrationNumber(registrationNumber) }
      : {}),
    ...(typeof euid === "string" ? { euid: cleanEuid(euid) } : {}),
  };
}

function foundValue(
  { target, spentMicros }: Enquiry<unknown>,
  source: string,
  answer: Extract<SourceAnswer<Record<string, unknown>>, { status: "found" }>,
  freshMs: number,
): NewFieldValue {
  const { value, confidencePct, snapshotId, observedAt } = answer;
  return {
    prospectId: target.id,
    status: "found",
    value,
    source,
    confidencePct,
    costMicros: spentMicros,
    snapshotId,
    errorCode: null,
    observedAt,
    freshUntil: new Date(observedAt.getTime() + freshMs),
  };
}

function approvalOf(
  { target }: Enquiry<unknown>,
  source: string,
  answer: Extract<Unanswered, { status: "review" }>,
  { freshMs }: RunnableField,
  expiresAt: Date,
): NewApproval {
  const { confidencePct, reasons } = answer;
  const value = answer.value as Record<string, unknown>;
  return {
    ...{ prospectId: target.id, source, value, confidencePct, reasons, expiresAt },
    freshForMs: freshMs,
    defaultDecision: "reject",
  };
}

function emptyValue(
  deps: Deps,
  { target, spentMicros }: Enquiry<unknown>,
  { source, answer }: Extract<End, { status: "settled" }>,
  { absentMs }: RunnableField,
  reviewEndsAt: Date,
): NewFieldValue {
  const failed = answer.status === "failed";
  const observedAt = failed ? deps.now() : answer.observedAt;
  const freshUntil = {
    // A failure is never fresh: the next job asks again.
    failed: observedAt,
    review: reviewEndsAt,
    notFound: new Date(observedAt.getTime() + absentMs),
  };
  const status = { failed: "failed", review: "in_review", notFound: "not_found" } as const;
  return {
    prospectId: target.id,
    status: status[answer.status],
    value: null,
    source,
    confidencePct: null,
    costMicros: spentMicros,
    snapshotId: failed ? null : answer.snapshotId,
    errorCode: failed ? answer.code : null,
    observedAt,
    freshUntil: freshUntil[answer.status],
  };
}
