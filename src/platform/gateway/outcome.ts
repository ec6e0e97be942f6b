/** What became of a request: what the ledger is told, and what its subjects get. Pure. */
import type { CallEnd } from "#db/queries/provider-calls.ts";
import type { Change, Payer } from "../budget.ts";
import type { Answer, Price } from "../provider.ts";
import { ProviderError } from "../provider-error.ts";
import type { ReservedCall } from "./reserve.ts";

/** What came of a call that this process reserved. */
export type Outcome<Body> = { call: ReservedCall } & (
  | { kind: "answered"; answers: ReadonlyMap<string, Answer<Body>>; durationMs: number }
  /** It was asked, and this came instead of an answer. */
  | { kind: "failed"; error: unknown; durationMs: number }
  /** It was never asked. */
  | { kind: "unasked"; error: unknown }
);

export interface LedgerEnd {
  end: CallEnd;
  /** How the budgets move. */
  changes: Change[];
}

/**
 * After an answer, what the price says; after a refusal, nothing. After a failure (broken off, HTTP 5xx, an answer that
 * cannot be read) the provider may or may not have charged: unless its client knows, a call that may be repeated is
 * free to be, and the other is `unknown` and keeps what it holds.
 */
export function ledgerEndOf<Body>(
  outcome: Outcome<Body>,
  terms: { payer: Payer; price: Price; repeatable: boolean },
): LedgerEnd {
  const { call } = outcome;
  const base = {
    id: call.id,
    attempt: call.attempt,
    requested: outcome.kind !== "unasked",
    costMicros: 0,
    overchargedMicros: 0,
    found: 0,
    errorKind: null,
    httpStatus: null,
    durationMs: outcome.kind === "unasked" ? null : Math.round(outcome.durationMs),
    rateLimited: false,
    answers: [],
    lost: false,
  };
  const changes = (costOf: (subject: string) => number): Change[] =>
    call.questions.map(({ subject, prospectId }) => ({
      payer: terms.payer,
      prospectId,
      heldMicros: -call.heldMicros,
      spentMicros: costOf(subject),
    }));

  if (outcome.kind === "answered") {
    const costs = new Map<string, number>();
    let overchargedMicros = 0;
    const answers = call.questions.flatMap(({ subject }) => {
      const answer = outcome.answers.get(subject);
      if (!answer) return [];
      const said = answer.costMicros ?? costOfAnswer(terms.price, answer);
      const costMicros = Math.min(said, call.heldMicros);
      overchargedMicros += said - costMicros;
      costs.set(subject, costMicros);
      const body = answer.status === "found" ? JSON.stringify(answer.body) : null;
      return [{ subject, body, costMicros }];
    });
    const end: CallEnd = {
      ...base,
      status: "settled",
      costMicros: answers.reduce((sum, answer) => sum + answer.costMicros, 0),
      overchargedMicros,
      found: answers.filter(({ body }) => body !== null).length,
      answers,
    };
    return { end, changes: changes((subject) => costs.get(subject) ?? 0) };
  }

  const error = outcome.error instanceof ProviderError ? outcome.error : null;
  const failure = {
    ...base,
    errorKind: error?.kind ?? codeOf(outcome.error),
    httpStatus: error?.httpStatus ?? null,
    rateLimited: outcome.kind === "failed" && error?.kind === "rate_limited",
  };
  if (outcome.kind === "failed" && error?.charged === true) {
    const costMicros = call.heldMicros * call.questions.length;
    return {
      end: { ...failure, status: "settled", costMicros, lost: true },
      changes: changes(() => call.heldMicros),
    };
  }
  if (outcome.kind === "failed" && error?.charged !== false && !terms.repeatable) {
    return { end: { ...failure, status: "unknown" }, changes: [] };
  }
  return { end: { ...failure, status: "failed" }, changes: changes(() => 0) };
}

/** What the price says that an answer costs. */
function costOfAnswer(price: Price, answer: Answer<unknown>): number {
  if (price.chargedFor === "nothing") return 0;
  return price.chargedFor === "answered" || answer.status === "found" ? price.costMicros : 0;
}

/** What one subject is charged at most: what is held for it. */
export const holdOf = (price: Price): number => (price.chargedFor === "nothing" ? 0 : price.costMicros);

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "internal";
}
