/**
 * The gateway makes a provider's operation safe to use. Nobody is asked twice about the same subject and day, across
 * fields, replicas and crashes; nothing is asked past a limit or a budget; nothing is paid twice. Before a request its
 * call is written down, its cost held and its subject claimed; after it the answer is stored and the cost settled.
 * How and why: docs/decisions/0007-gateway-and-budgets.md.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Db, inWorkspace } from "#db/client.ts";
import type { CallOrigin } from "#db/queries/provider-calls.ts";
import { SupersededError } from "#src/domain/errors.ts";
import { dayInRomania } from "#src/domain/romanian-calendar.ts";
import type { BudgetScope } from "./budget.ts";
import { type AskDeps, createAsk, isOutage, PAUSE_MS } from "./gateway/ask-in-turn.ts";
import { holdOf } from "./gateway/outcome.ts";
import { findPauses } from "./gateway/paused.ts";
import { reserve } from "./gateway/reserve.ts";
import { createResultBook, type ResultBook } from "./gateway/result-book.ts";
import { runCalls } from "./gateway/run-calls.ts";
import type { Slots } from "./gateway/slots.ts";
import type { ProviderOperation } from "./provider.ts";
import { ProviderError } from "./provider-error.ts";

export interface GatewayContext {
  workspaceId: string;
  jobId: string;
  /** Which field wants to know. */
  field: string;
  /** Lower goes first: 0 is bulk work (the default), -1 what somebody is waiting for. */
  priority?: number;
  /** Stops what was not asked yet; a paid request that is on its way is heard out. */
  signal?: AbortSignal;
}

export interface Lookup<Subject> {
  /** The prospect that it is for: the budget of one row. */
  prospectId: string;
  subject: Subject;
}

export type LookupResult<Body> =
  /** `costMicros`: what it cost this job's field, for this prospect; 0 where somebody else has paid. */
  | { status: "found"; body: Body; snapshotId: string; observedAt: Date; costMicros: number }
  | { status: "notFound"; snapshotId: string; observedAt: Date; costMicros: number }
  /** Asked, but the answer does not speak of it: it may be asked again. */
  | { status: "missing" }
  /** Asked, and refused or answered in a form that we cannot read: asking again would bring the same. */
  | { status: "failed"; code: "rejected" | "not_found" | "bad_response" }
  /** Asked once, and whether it was answered (and paid) is not known: for a person. Not asked again. */
  | { status: "unknown" }
  /** Not asked: it does not fit into a budget. */
  | { status: "overBudget"; scope: BudgetScope }
  /** Not asked, because somebody has paused the provider or the site: it waits until that is lifted. */
  | { status: "paused"; pauseId: string }
  /** Not asked, because nothing is to be had from this provider until then: the waterfall goes on. */
  | { status: "unavailable"; reason: "spent" | "unauthorized" | "breaker_open"; retryAfterMs: number };

export interface Gateway<Subject, Body> {
  readonly provider: string;
  readonly operation: ProviderOperation<Subject, Body>;
  /**
   * One result for each prospect. Two prospects with the same subject share one question, which the first pays.
   * @throws ProviderError rate_limited or unavailable, with `retryAfterMs`, when it has to be tried again later: what
   * others of the same lookup got is stored by then, and is not asked or paid again
   */
  lookup(
    context: GatewayContext,
    lookups: readonly Lookup<Subject>[],
  ): Promise<Map<string, LookupResult<Body>>>;
}

/** The limiter is shared by the operations of one limit, breaker, block and outage by those of one provider. */
export interface GatewayDeps extends AskDeps {
  db: Db;
  /** The operation's own: one that waits for its turn must not keep another, of a better rank, from the queue. */
  slots: Slots;
  /** An asker that is silent for so long is taken for dead; default 15 s. */
  leaseMs?: number;
}

/** How long a lookup waits for answers that somebody else is waiting for. */
const MAX_BUSY_MS = 90_000;
const FIRST_LOOK_MS = 100;
const LEASE_MS = 15_000;
/** Too fast for the provider: tried again within the same lookup if that is over by then. */
const SOON_MS = 30_000;

export function createGateway<Subject, Body>(
  deps: GatewayDeps,
  provider: string,
  operation: ProviderOperation<Subject, Body>,
): Gateway<Subject, Body> {
  const { db, logger, now, slots, breaker, block, leaseMs = LEASE_MS } = deps;
  const { price, repeatable, batchSize } = operation;
  const terms = { batchSize, repeatable, costMicros: holdOf(price), leaseMs };
  if (repeatable && terms.costMicros > 0) {
    throw new Error(`${provider} ${operation.name}: what is paid cannot be repeatable`);
  }
  const ask = createAsk(deps, provider, operation);

  /** Why the provider cannot be asked at present. */
  async function awayBecause(): Promise<LookupResult<Body> | null> {
    const blocked = await block.get();
    if (blocked) {
      const retryAfterMs = blocked.until.getTime() - now().getTime();
      return { status: "unavailable", reason: blocked.reason, retryAfterMs };
    }
    if (breaker.state() !== "open") return null;
    return { status: "unavailable", reason: "breaker_open", retryAfterMs: breaker.retryAfterMs() };
  }

  /** Reserves what can be asked and asks it. Returns what came of it; null: the provider cannot be asked. */
  async function round(context: GatewayContext, book: ResultBook<Subject, Body>, open: readonly string[]) {
    const { workspaceId, jobId, field, priority = 0, signal } = context;
    const day = dayInRomania(now());
    const origin: CallOrigin = { workspaceId, jobId, field, provider, operation: operation.name, day };
    const unavailable = await awayBecause();
    const questions = book.questions(open);
    const { away, held, pausedDomains, reserved } = await inWorkspace(db, workspaceId, async (tx) => {
      const pauses = await findPauses(tx, provider, operation, questions, book.subjects(questions));
      const { providerPauseId: pauseId, held, domains: pausedDomains } = pauses;
      const away = pauseId ? ({ status: "paused", pauseId } as const) : unavailable;
      const reserved = await reserve(tx, origin, pauses.free, away ? null : terms);
      return { away, held, pausedDomains, reserved };
    });
    for (const { subject, pauseId } of held) book.note([subject], { status: "paused", pauseId });
    book.noteKnown(reserved);
    if (away) {
      book.note([...reserved.open, ...reserved.busy], away);
      return null;
    }
    const called = await runCalls(
      {
        ...{ db, logger, slots, origin, price, repeatable, leaseMs, priority, signal, stopsOthers },
        ask: ({ questions }, { signal: lost, onTurn }) =>
          ask(book.subjects(questions), { priority, signal, lost, onTurn, asOf: day, pausedDomains }),
      },
      reserved.calls,
    );
    const { answered, busy, failed } = book.noteCalls(called);
    for (const { subject, scope } of reserved.overBudget)
      book.note([subject], { status: "overBudget", scope });
    // Those at the budget's edge are tried again, with what the others have given back.
    const edge = reserved.calls.length > 0 ? reserved.overBudget.map(({ subject }) => subject) : [];
    return { answered, failed, edge, busy: [...reserved.busy, ...busy] };
  }

  return {
    provider,
    operation,
    async lookup(context, lookups) {
      const { signal } = context;
      const book = createResultBook<Subject, Body>(operation.keyOf, lookups);
      const startedAt = performance.now();
      const elapsedMs = () => performance.now() - startedAt;
      let lookMs = FIRST_LOOK_MS;
      let answered = false;
      let open = book.keys();
      while (open.length > 0) {
        signal?.throwIfAborted();
        const done = await round(context, book, open);
        if (!done) break;
        answered ||= done.answered;
        open = done.edge;
        let waitMs = 0;
        for (const { keys, error } of done.failed) {
          const againMs = againAfterMs(error, elapsedMs());
          if (againMs !== null) {
            open.push(...keys);
            waitMs = Math.max(waitMs, againMs);
          } else if (isOutage(error) && answered) book.note(keys, { status: "missing" });
          else throw error;
        }
        if (done.busy.length > 0) {
          if (elapsedMs() + lookMs > MAX_BUSY_MS) {
            const detail = "another request about the same subjects is under way";
            throw new ProviderError(provider, "unavailable", { detail, retryAfterMs: 2_000 });
          }
          open.push(...done.busy);
          waitMs = Math.max(waitMs, lookMs);
          lookMs = Math.min(lookMs * 1.5, 1_000);
        }
        if (open.length > 0 && waitMs > 0) await sleep(waitMs, undefined, signal ? { signal } : {});
      }
      return book.results;
    },
  };
}

/** How long to wait before the same lookup asks again; null: that is for a later one. */
function againAfterMs(error: unknown, elapsedMs: number): number | null {
  if (!(error instanceof ProviderError) || error.kind !== "rate_limited") return null;
  const waitMs = error.retryAfterMs ?? PAUSE_MS;
  return elapsedMs + waitMs < SOON_MS ? waitMs : null;
}

/** Whether others who wait would fare no better. */
function stopsOthers(error: unknown, asked: boolean): boolean {
  if (!asked) return !(error instanceof SupersededError);
  if (!(error instanceof ProviderError)) return false;
  const { kind, retryAfterMs = 0 } = error;
  return kind === "spent" || kind === "unauthorized" || (kind === "rate_limited" && retryAfterMs > SOON_MS);
}
