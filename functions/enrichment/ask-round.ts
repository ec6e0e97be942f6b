/** One round of a field on a chunk: its sources asked in order, what they say written as it comes. */
import type { z } from "zod";
import type { Tx } from "#db/client.ts";
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
import { begin, finish, type RunnableField, type RunnablePlan, whileMine } from "#src/platform/chunk-work.ts";
import { erasedContacts, type IsErased, withoutErased } from "#src/platform/privacy/erased-contacts.ts";
import { ProviderError } from "#src/platform/provider-error.ts";
import { announce } from "#src/platform/webhooks-out/announce.ts";
import type { ChunkRun } from "./define-chunk-function.ts";
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
import type { Source, SourceAnswer } from "./source.ts";

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
  next: Next;
}

/** What follows a round. */
export type Next =
  /** Nothing: the work has been finished. */
  | { action: "end" }
  /** The next round, for those who failed in a way that may pass. */
  | { action: "again" }
  /** Some could not be asked now. */
  | ({ action: "wait" } & Wait)
  /** Some wait for a pause to be lifted. */
  | { action: "giveBack"; pauseId: string };

/** When to come back: when a turn will be free, or, in an outage, to see whether it is over. */
interface Wait {
  for: "turn" | "outage";
  ms: number;
}

/** When every source left is unavailable. */
const COME_BACK_MS = 30_000;

/**
 * Asks the sources about everybody of the chunk who has no value yet, and writes what they say before others are asked.
 * The first transaction begins the work; the last one, where nobody is left to be asked again, finishes it.
 * @returns false when the work is not this run's
 * @throws whatever is no provider's word for "later"
 */
export async function askRound<Value extends Record<string, unknown>>(
  deps: Deps,
  { key, eventId, plan }: ChunkRun & { plan: RunnablePlan },
  { schema, sources, line, last }: Round<Value>,
): Promise<RoundResult | false> {
  const view = { needs: line.needs, attributes: attributesOf(line.when) };
  // The deadline starts anew with each round, and with each retry of it.
  const targets = await begin(deps, key, eventId, (tx) => targetsOfField(tx, key, view));
  if (!targets) return false;
  const eligible = targets.filter((target) => ineligibleBecause(line.when, factsOf(target)) === null);
  const enquiries = await enquiriesOf(deps, key, waysOf(deps, sources), line, eligible);
  const save = (kept: Kept) => whileMine(deps, key, (tx) => writeKept(tx, key, kept));
  let unsaved = nothing();
  let wait: Wait | null = null;
  while (wait === null) {
    const next = Map.groupBy(enquiries, (each) => nextWay(each, line));
    next.delete(null);
    if (next.size === 0) break;
    if (unsaved.values.length > 0) await save(unsaved);
    unsaved = nothing();
    const asked = await Promise.allSettled(
      [...next].map(async ([way, members]) => {
        const kept = await askWay(deps, key, { schema, way: way as Way<Value>, line }, members);
        // What one source alone has said may be all, and is then written with the end. Not outcomes: their sums are
        // shared by all chunks, and the end of work waits for others.
        if (next.size === 1 && kept.outcomes.length === 0) unsaved = kept;
        else if (kept.values.length + kept.outcomes.length > 0) await save(kept);
      }),
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
  if (ends.some(({ end }) => end.status === "unavailable")) wait ??= { for: "outage", ms: COME_BACK_MS };
  const again = ends.some(({ end }) => end.status === "again");
  const pauseId = open.find(({ pausedBy }) => pausedBy)?.pausedBy ?? null;
  const next = nextOf({ wait, again, pauseId });
  const passed = ends.filter(({ end }) => end.status === "passed").length;
  const ineligible = targets.length - eligible.length + passed;

  const settled = settledOf(deps, line, ends);
  const kept = { ...settled, values: [...unsaved.values, ...settled.values] };
  if (next.action === "end") {
    await finish(deps, plan, key, { ineligible, write: (tx) => writeKept(tx, key, kept) });
  } else if (kept.values.length > 0) await save(kept);
  const count = (status: NewFieldValue["status"]) =>
    settled.values.filter((value) => value.status === status).length;
  return {
    found: enquiries.length - open.length,
    notFound: count("not_found"),
    inReview: count("in_review"),
    failed: count("failed"),
    ineligible,
    next,
  };
}

function nextOf(open: { wait: Wait | null; again: boolean; pauseId: string | null }): Next {
  if (open.wait) return { action: "wait", ...open.wait };
  if (open.again) return { action: "again" };
  return open.pauseId ? { action: "giveBack", pauseId: open.pauseId } : { action: "end" };
}

const longer = (one: Wait | null, other: Wait): Wait => (one && one.ms > other.ms ? one : other);

/** What is to be written. */
interface Kept {
  values: NewFieldValue[];
  outcomes: SourceOutcome[];
  reviews: NewApproval[];
}
const nothing = (): Kept => ({ values: [], outcomes: [], reviews: [] });

async function writeKept(tx: Tx, key: WorkKey, { values, outcomes, reviews }: Kept): Promise<void> {
  await writeFieldValues(tx, key, values);
  await recordOutcomes(tx, key, outcomes);
  const approvalIds = await requestApprovals(tx, key, reviews);
  if (approvalIds.length === 0) return;
  await announce(tx, key.workspaceId, "approval.requested", { field: key.field, approvalIds });
}

/** Asks one source about those whose turn it is. Returns the values that it has found. */
async function askWay<Value extends Record<string, unknown>>(
  deps: Deps,
  key: WorkKey,
  { schema, way, line }: { schema: z.ZodType<Value>; way: Way<Value>; line: RunnableField },
  members: readonly Enquiry<Value>[],
): Promise<Kept> {
  const { provider } = way.from;
  const targets = members.map(({ target }) => target);
  const answers = await way.from.ask(deps, key, targets);
  const erased = await erasedContacts(deps, key.workspaceId);
  const values: NewFieldValue[] = [];
  const outcomes: SourceOutcome[] = [];
  for (const each of members) {
    const { target, asked } = each;
    const answer = withoutPersons(checkAnswer(schema, answers.get(target.id)), erased);
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
  return { values, outcomes: (members[0]?.order.length ?? 0) > 1 ? outcomes : [], reviews: [] };
}

/** Nobody who was erased comes back with what a source says. */
function withoutPersons<Value extends Record<string, unknown>>(
  answer: SourceAnswer<Value>,
  erased: IsErased | null,
): SourceAnswer<Value> {
  if (!erased || (answer.status !== "found" && answer.status !== "review")) return answer;
  const value = withoutErased(answer.value, erased);
  if (value) return { ...answer, value };
  const { snapshotId, observedAt, costMicros } = answer;
  return { status: "notFound", snapshotId, observedAt, ...(costMicros === undefined ? {} : { costMicros }) };
}

/** What it came to for those whom no source has found. */
function settledOf(
  deps: Deps,
  line: RunnableField,
  ends: readonly { each: Enquiry<unknown>; end: End }[],
): Kept {
  const expiresAt = new Date(deps.now().getTime() + REVIEW_MS);
  const kept = nothing();
  for (const { each, end } of ends) {
    if (end.status !== "settled") continue;
    kept.values.push(emptyValue(deps, each, end, line, expiresAt));
    if (end.answer.status === "review")
      kept.reviews.push(approvalOf(each, end.source, end.answer, line, expiresAt));
  }
  return kept;
}

/** What was just found is newer than the golden record; what a field could not say takes nothing away from others. */
function factsOf({ isNaturalPerson, tier, values, golden }: Target) {
  const said = Object.values(values).flatMap((value) =>
    Object.entries(value).filter(([, each]) => each !== null),
  );
  return { isNaturalPerson, tier, attributes: { ...golden, ...Object.fromEntries(said) } };
}
