/** One round of a field on a chunk: its sources asked in order, what they say written as it comes. */
import type { z } from "zod";
import { type NewApproval, requestApprovals } from "#db/queries/approvals.ts";
import type { WorkKey } from "#db/queries/chunk-work.ts";
import {
  type NewFieldValue,
  type Target,
  targetsOfField,
  writeFieldValues,
} from "#db/queries/field-values.ts";
import { recordOutcomes, type SourceOutcome } from "#db/queries/source-outcomes.ts";
import type { Deps } from "#src/deps.ts";
import { attributesOf, ineligibleBecause } from "#src/domain/enrichment/eligibility.ts";
import { segmentOf } from "#src/domain/enrichment/waterfall.ts";
import { REVIEW_MS } from "#src/platform/approvals.ts";
import { type RunnableField, whileMine } from "#src/platform/chunk-work.ts";
import { ProviderError } from "#src/platform/provider-error.ts";
import { announce } from "#src/platform/webhooks-out/announce.ts";
import {
  type End,
  type Enquiry,
  endOf,
  enquiriesOf,
  type Last,
  nextWay,
  type Way,
  waysOf,
} from "./enquiry.ts";
import { approvalOf, checkAnswer, emptyValue, foundValue } from "./kept-values.ts";
import type { Source } from "./source.ts";

export interface Round<Value> {
  schema: z.ZodType<Value>;
  sources: readonly Source<Value>[];
  line: RunnableField;
  last: Last;
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
  /** A pause that some wait for; null: nobody does. */
  pausedBy: string | null;
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
  // Who has a source left was stopped by the wait, or by a pause, and is nowhere yet.
  const stopped = open.filter((each) => each.pausedBy || (wait !== null && nextWay(each, line) !== null));
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
    pausedBy: open.find(({ pausedBy }) => pausedBy)?.pausedBy ?? null,
  };
}

const longer = (one: Wait | null, other: Wait): Wait => (one && one.ms > other.ms ? one : other);

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
    const answer = checkAnswer(schema, answers.get(target.id));
    if (answer.status === "paused") {
      each.pausedBy = answer.pauseId;
      continue;
    }
    asked.add(way.source);
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
      const approvalIds = await requestApprovals(tx, key, reviews);
      if (approvalIds.length === 0) return;
      await announce(tx, key.workspaceId, "approval.requested", { field: key.field, approvalIds });
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
