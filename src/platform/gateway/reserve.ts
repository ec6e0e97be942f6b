/** Before asking: one transaction says what is known, who is busy and what the budget allows, and reserves the rest. */
import { createHash } from "node:crypto";
import type { Tx } from "#db/client.ts";
import { lockAccounts, moveAccounts } from "#db/queries/budgets.ts";
import { type CallKey, type CallOrigin, lockOperation, reserveCalls } from "#db/queries/provider-calls.ts";
import { findSnapshots, type SnapshotState, type StoredAnswer } from "#db/queries/snapshots.ts";
import {
  type BudgetScope,
  keepWithinBudget,
  movementsOf,
  type Payer,
  prospectAccount,
  sharedAccounts,
} from "../budget.ts";
import { creditKeyOf, reserveCredits } from "../credits.ts";
import { endCallsOfTheDead } from "../unanswered-calls.ts";

/** A subject, and the prospect that it is asked for and paid by. */
export interface Question {
  subject: string;
  prospectId: string;
}

/** A call that is this process's to make. */
export interface ReservedCall extends CallKey {
  questions: readonly Question[];
  /** For each of its subjects. */
  heldMicros: number;
  /** Whether the workspace's credits were reserved for it, and have to be settled. */
  credited: boolean;
}

export interface Terms {
  batchSize: number;
  repeatable: boolean;
  /** What one subject costs at most. */
  costMicros: number;
  leaseMs: number;
}

export type Known = StoredAnswer & { own: boolean };

export interface Reservation {
  known: Known[];
  /** Asked once, and nobody knows or has kept the answer. */
  unknown: string[];
  /** Somebody else is asking. */
  busy: string[];
  overBudget: { subject: string; scope: BudgetScope }[];
  /** Not asked, because it was not allowed to. */
  open: string[];
  calls: ReservedCall[];
}

/**
 * @param terms null: the provider must not be asked, what is known is all there is
 */
export async function reserve(
  tx: Tx,
  origin: CallOrigin,
  questions: readonly Question[],
  terms: Terms | null,
): Promise<Reservation> {
  await lockOperation(tx, origin);
  const states = await statesOf(
    tx,
    origin,
    questions.map(({ subject }) => subject),
  );
  const reservation: Reservation = { known: [], unknown: [], busy: [], overBudget: [], open: [], calls: [] };
  const open = new Map(questions.map((question) => [question.subject, question]));
  for (const state of states) {
    open.delete(state.subject);
    if (state.status === "found" || state.status === "not_found") reservation.known.push(state);
    else if (state.status === "lost" || state.callStatus === "unknown")
      reservation.unknown.push(state.subject);
    else reservation.busy.push(state.subject);
  }
  if (!terms) return { ...reservation, open: [...open.keys()] };
  if (open.size === 0) return reservation;

  const payer: Payer = origin;
  const { fits, over, credited } = await hold(tx, origin, payer, [...open.values()], terms.costMicros);
  reservation.overBudget = over.map(({ question, scope }) => ({ subject: question.subject, scope }));
  const batches = cut(fits, terms.batchSize);
  if (batches.length === 0) return reservation;
  const calls = batches.map((batch) => ({
    idempotencyKey: idempotencyKeyOf(origin, batch),
    costMicros: batch.length * terms.costMicros,
    questions: batch,
  }));
  const keys = await reserveCalls(tx, origin, terms, calls);
  reservation.calls = batches.map((batch, index) => ({
    ...(keys[index] as CallKey),
    questions: batch,
    heldMicros: terms.costMicros,
    credited,
  }));
  if (credited) await reserveCredits(tx, origin.workspaceId, reservation.calls.map(creditsOf));
  return reservation;
}

/** How the subjects stand, after calls of askers who have died were ended. */
async function statesOf(tx: Tx, origin: CallOrigin, subjects: readonly string[]): Promise<SnapshotState[]> {
  const states = await findSnapshots(tx, origin, subjects);
  const isDead = (state: SnapshotState) =>
    state.status === "claimed" && state.callStatus !== "unknown" && !state.callLive;
  const dead = new Set(states.filter(isDead).map(({ callId }) => callId));
  if (dead.size === 0) return states;
  await endCallsOfTheDead(tx, origin.workspaceId, [...dead]);
  return findSnapshots(tx, origin, subjects);
}

/** Holds the cost of as many questions as fit within every budget. What is free needs none. */
async function hold(
  tx: Tx,
  origin: CallOrigin,
  payer: Payer,
  questions: readonly Question[],
  costMicros: number,
): Promise<{
  fits: readonly Question[];
  over: { question: Question; scope: BudgetScope }[];
  credited: boolean;
}> {
  if (costMicros === 0) return { fits: questions, over: [], credited: false };
  const prospects = [...new Set(questions.map(({ prospectId }) => prospectId))];
  const accounts = await lockAccounts(tx, origin, [
    ...sharedAccounts(payer),
    ...prospects.map((prospectId) => prospectAccount(payer, prospectId)),
  ]);
  if (accounts.length === 0) return { fits: questions, over: [], credited: false };
  const { fits, over } = keepWithinBudget(payer, accounts, questions, costMicros);
  const changes = fits.map(({ prospectId }) => ({
    payer,
    prospectId,
    heldMicros: costMicros,
    spentMicros: 0,
  }));
  await moveAccounts(tx, origin.workspaceId, movementsOf(changes));
  return { fits, over, credited: accounts.some(({ scope }) => scope === "credits") };
}

const creditsOf = (call: ReservedCall) => ({
  key: creditKeyOf(call),
  reference: call.id,
  amountMicros: call.heldMicros * call.questions.length,
});

/** Requests as large as they may be. Sorted: the same subjects always make the same requests. */
function cut(questions: readonly Question[], size: number): Question[][] {
  const sorted = questions.toSorted((a, b) => (a.subject < b.subject ? -1 : 1));
  return Array.from({ length: Math.ceil(sorted.length / size) }, (_, index) =>
    sorted.slice(index * size, (index + 1) * size),
  );
}

/** `{job}:{record}:{field}:{provider}`; the record of several subjects is the digest of their sorted list. */
function idempotencyKeyOf({ jobId, field, provider }: CallOrigin, batch: readonly Question[]): string {
  const subjects = batch.map(({ subject }) => subject);
  const record =
    subjects.length === 1 ? subjects[0] : createHash("sha256").update(subjects.join("\n")).digest("hex");
  return `${jobId}:${record}:${field}:${provider}`;
}
