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
import { type Breaker, BreakerOpenError } from "./breaker.ts";
import type { BudgetScope } from "./budget.ts";
import type { ProviderBlock } from "./gateway/block.ts";
import type { OutageClock } from "./gateway/outage-clock.ts";
import { holdOf } from "./gateway/outcome.ts";
import { type Known, type Question, type ReservedCall, reserve } from "./gateway/reserve.ts";
import { type CallResult, runCalls } from "./gateway/run-calls.ts";
import type { Slots } from "./gateway/slots.ts";
import type { Limiter } from "./limiter.ts";
import type { Logger } from "./logger.ts";
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

export interface GatewayDeps {
  db: Db;
  logger: Logger;
  now: () => Date;
  /** Shared by the operations of one limit. */
  limiter: Limiter;
  slots: Slots;
  /** Shared by the operations of one provider. */
  breaker: Breaker;
  block: ProviderBlock;
  outage: OutageClock;
  /** An asker that is silent for so long is taken for dead; default 15 s. */
  leaseMs?: number;
}

/** How long a request may wait for its turn. */
const MAX_WAIT_MS = 60_000;
/** How long for the answer that somebody else is waiting for. */
const MAX_BUSY_MS = 90_000;
const LEASE_MS = 15_000;
/** Too fast for the provider: tried again within the same lookup if that is over by then. */
const SOON_MS = 30_000;
/** After a 429 without Retry-After: clients report 1.1 s as enough where a limit is by the second. */
const PAUSE_MS = 1_100;
const MAX_PAUSE_MS = 3_600_000;

export function createGateway<Subject, Body>(
  deps: GatewayDeps,
  provider: string,
  operation: ProviderOperation<Subject, Body>,
): Gateway<Subject, Body> {
  const { db, logger, now, limiter, slots, breaker, block, outage, leaseMs = LEASE_MS } = deps;
  const { price, repeatable, batchSize } = operation;
  const costMicros = holdOf(price);
  if (repeatable && costMicros > 0) {
    throw new Error(`${provider} ${operation.name}: what is paid cannot be repeatable`);
  }

  /** What to throw instead, after everybody was told to slow down. */
  async function slowDown(error: ProviderError): Promise<ProviderError> {
    const { kind, httpStatus, charged, detail } = error;
    let retryAfterMs = error.retryAfterMs;
    if (kind === "rate_limited") {
      const pauseMs = Math.min(Math.max(retryAfterMs ?? 0, PAUSE_MS), MAX_PAUSE_MS);
      await limiter.backOff(pauseMs).catch(() => {});
      // Not all at the same moment.
      retryAfterMs = Math.round(pauseMs + 100 + Math.random() * 800);
    } else if (kind === "unavailable") {
      retryAfterMs = Math.max(retryAfterMs ?? 0, outage.retryAfterMs());
    } else if (kind === "spent" || kind === "unauthorized") {
      const { until } = await block.set(error);
      retryAfterMs = Math.max(until.getTime() - now().getTime(), 0);
    }
    const { name } = operation;
    logger.warn({ provider, operation: name, kind, httpStatus, detail, retryAfterMs }, "request failed");
    return new ProviderError(provider, kind, { httpStatus, charged, detail, retryAfterMs, cause: error });
  }

  /** One request, in its turn. */
  async function ask(
    subjects: readonly Subject[],
    { priority = 0, signal }: GatewayContext,
    { lost, onTurn, asOf }: { lost: AbortSignal; onTurn: () => void; asOf: string },
  ) {
    if (breaker.state() === "open") throw new BreakerOpenError(breaker.retryAfterMs());
    const permit = await limiter.acquire({
      maxWaitMs: MAX_WAIT_MS,
      signal: signal ? AbortSignal.any([lost, signal]) : lost,
      rank: priority * 1_000 + (operation.limit.rank ?? 0),
    });
    // Our own giving up, before the request was written to the wire.
    const isUnsent = (error: unknown) => permit.signal.aborted && error === permit.signal.reason;
    try {
      const answers = await breaker.run(
        () => {
          onTurn();
          // A paid request that may be on its way is not broken off: its answer is worth more than the time.
          const stop = repeatable ? AbortSignal.any([lost, permit.signal]) : permit.signal;
          return operation.ask(subjects, { signal: stop, onSent: permit.sent, asOf, logger });
        },
        (error) => (isUnsent(error) || !(error instanceof ProviderError) ? null : isOutage(error)),
      );
      outage.over();
      return answers;
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      throw isUnsent(error) ? notCharged(error) : await slowDown(error);
    } finally {
      permit.sent();
    }
  }

  /** Why the provider cannot be asked at present. */
  async function unavailable(): Promise<(LookupResult<Body> & { status: "unavailable" }) | null> {
    const blocked = await block.get();
    if (blocked) {
      const retryAfterMs = blocked.until.getTime() - now().getTime();
      return { status: "unavailable", reason: blocked.reason, retryAfterMs };
    }
    if (breaker.state() !== "open") return null;
    return { status: "unavailable", reason: "breaker_open", retryAfterMs: breaker.retryAfterMs() };
  }

  return {
    provider,
    operation,
    async lookup(context, lookups) {
      const { workspaceId, jobId, field, priority = 0, signal } = context;
      const wanted = new Map<string, { subject: Subject; prospectIds: string[] }>();
      for (const { prospectId, subject } of lookups) {
        const key = operation.keyOf(subject);
        const same = wanted.get(key);
        if (same) same.prospectIds.push(prospectId);
        else wanted.set(key, { subject, prospectIds: [prospectId] });
      }
      const results = new Map<string, LookupResult<Body>>();
      const resolve = (
        key: string,
        resultFor: LookupResult<Body> | ((prospectId: string) => LookupResult<Body>),
      ) => {
        for (const prospectId of wanted.get(key)?.prospectIds ?? []) {
          results.set(prospectId, typeof resultFor === "function" ? resultFor(prospectId) : resultFor);
        }
      };

      const startedAt = performance.now();
      const elapsedMs = () => performance.now() - startedAt;
      let answered = false;
      let pauseMs = 100;
      let open = [...wanted.keys()];
      while (open.length > 0) {
        signal?.throwIfAborted();
        const day = dayInRomania(now());
        const origin: CallOrigin = { workspaceId, jobId, field, provider, operation: operation.name, day };
        const away = await unavailable();
        const questions: Question[] = open.map((key) => ({
          subject: key,
          prospectId: wanted.get(key)?.prospectIds[0] ?? "",
        }));
        const terms = away ? null : { batchSize, repeatable, costMicros, leaseMs };
        const reserved = await inWorkspace(db, workspaceId, (tx) => reserve(tx, origin, questions, terms));
        for (const known of reserved.known) resolve(known.subject, toResult<Body>(known));
        for (const key of reserved.unknown) resolve(key, { status: "unknown" });
        if (away) {
          for (const key of [...reserved.open, ...reserved.busy]) resolve(key, away);
          break;
        }

        const called = await runCalls(
          {
            db,
            logger,
            slots,
            origin,
            price,
            repeatable,
            leaseMs,
            priority,
            signal,
            ask: (call: ReservedCall, { signal: lost, onTurn }) => {
              const subjects = call.questions.flatMap((question) => wanted.get(question.subject) ?? []);
              return ask(
                subjects.map(({ subject }) => subject),
                context,
                { lost, onTurn, asOf: day },
              );
            },
            stopsOthers,
          },
          reserved.calls,
        );

        // Those of the budget's edge are tried again with what the others have given back.
        open = reserved.calls.length > 0 ? reserved.overBudget.map(({ subject }) => subject) : [];
        if (open.length === 0) {
          for (const { subject, scope } of reserved.overBudget)
            resolve(subject, { status: "overBudget", scope });
        }
        const busy = [...reserved.busy];
        const later: { keys: string[]; error: unknown }[] = [];
        for (const result of called) {
          const keys = result.call.questions.map(({ subject }) => subject);
          if (result.kind === "superseded") busy.push(...keys);
          else if (result.kind === "settled") {
            answered = true;
            const stored = new Map(result.answers.map((answer) => [answer.subject, answer]));
            for (const key of keys) {
              const answer = stored.get(key);
              resolve(key, answer ? toResult<Body>({ ...answer, own: true }) : { status: "missing" });
            }
          } else {
            const end = endOfFailure<Body>(result);
            if (end) for (const key of keys) resolve(key, end);
            else later.push({ keys, error: result.error });
          }
        }

        let waitMs = 0;
        for (const { keys, error } of later) {
          const again = againAfterMs(error, elapsedMs());
          if (again !== null) {
            open.push(...keys);
            waitMs = Math.max(waitMs, again);
          } else if (isOutage(error) && answered) for (const key of keys) resolve(key, { status: "missing" });
          else throw error;
        }
        if (busy.length > 0) {
          if (elapsedMs() + pauseMs > MAX_BUSY_MS) {
            const detail = "another request about the same subjects is under way";
            throw new ProviderError(provider, "unavailable", { detail, retryAfterMs: 2_000 });
          }
          open.push(...busy);
          waitMs = Math.max(waitMs, pauseMs);
          pauseMs = Math.min(pauseMs * 1.5, 1_000);
        }
        if (open.length > 0 && waitMs > 0) await sleep(waitMs, undefined, signal ? { signal } : {});
      }
      return results;
    },
  };
}

/** What an answer is to one prospect: the one that it was asked for has paid. */
function toResult<Body>(answer: Known): (prospectId: string) => LookupResult<Body> {
  const { snapshotId, observedAt } = answer;
  return (prospectId) => {
    const costMicros = answer.own && answer.prospectId === prospectId ? answer.costMicros : 0;
    return answer.status === "found"
      ? { status: "found", body: answer.body as Body, snapshotId, observedAt, costMicros }
      : { status: "notFound", snapshotId, observedAt, costMicros };
  };
}

/** What a failure is to its subjects; null: it may pass. */
function endOfFailure<Body>({ status, error }: CallResult & { kind: "failed" }): LookupResult<Body> | null {
  if (status !== "failed") return { status: "unknown" };
  if (error instanceof BreakerOpenError) {
    return { status: "unavailable", reason: "breaker_open", retryAfterMs: error.retryAfterMs };
  }
  if (!(error instanceof ProviderError)) return null;
  const { kind, retryAfterMs = 0 } = error;
  switch (kind) {
    case "spent":
    case "unauthorized":
      return { status: "unavailable", reason: kind, retryAfterMs };
    case "rejected":
    case "not_found":
    case "bad_response":
      return { status: "failed", code: kind };
    default:
      return null;
  }
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

const isOutage = (error: unknown) => error instanceof ProviderError && error.kind === "unavailable";

function notCharged({ provider, kind, detail, retryAfterMs, cause }: ProviderError): ProviderError {
  return new ProviderError(provider, kind, { detail, retryAfterMs, charged: false, cause });
}
