/** One request: in its turn, past the breaker; and when it fails, everybody is told what they have to know. */
import { type Breaker, BreakerOpenError } from "../breaker.ts";
import type { Limiter } from "../limiter.ts";
import type { Logger } from "../logger.ts";
import type { Answer, ProviderOperation, RateLimit } from "../provider.ts";
import { ProviderError } from "../provider-error.ts";
import type { ProviderBlock } from "./block.ts";
import { observedCall } from "./observed-call.ts";
import type { OutageClock } from "./outage-clock.ts";

export interface AskDeps {
  logger: Logger;
  now: () => Date;
  limiter: Limiter;
  breaker: Breaker;
  block: ProviderBlock;
  outage: OutageClock;
}

export interface AskOptions {
  priority: number;
  /** The caller's: ends the wait for the turn, and nothing after that. */
  signal: AbortSignal | undefined;
  /** The call has become somebody else's. */
  lost: AbortSignal;
  /** Called right before the request is made. */
  onTurn: () => void;
  asOf: string;
  pausedDomains: ReadonlySet<string>;
}

/** After a 429 without Retry-After: clients report 1.1 s as enough where a limit is by the second. */
export const PAUSE_MS = 1_100;
const MAX_PAUSE_MS = 3_600_000;

/** The job's priority comes before the operation's rank. */
const RANKS = 1_000;

export function createAsk<Subject, Body>(
  { logger, now, limiter, breaker, block, outage }: AskDeps,
  provider: string,
  operation: ProviderOperation<Subject, Body>,
) {
  const maxWaitMs = maxWaitOf(operation.limit);

  /** Tells others, and returns what to throw instead: with the time to come back. */
  async function tellOthers(error: ProviderError): Promise<ProviderError> {
    const { kind, httpStatus, charged, detail } = error;
    let { retryAfterMs } = error;
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

  /** @throws ProviderError, BreakerOpenError; before `onTurn` was called nothing has been asked */
  return async function ask(
    subjects: readonly Subject[],
    { priority, signal, lost, onTurn, asOf, pausedDomains }: AskOptions,
  ): Promise<ReadonlyMap<string, Answer<Body>>> {
    if (breaker.state() === "open") throw new BreakerOpenError(breaker.retryAfterMs());
    const permit = await limiter.acquire({
      maxWaitMs,
      signal: signal ? AbortSignal.any([lost, signal]) : lost,
      rank: priority * RANKS + (operation.limit.rank ?? 0),
    });
    // Our own giving up, before the request was written to the wire.
    const isUnsent = (error: unknown) => permit.signal.aborted && error === permit.signal.reason;
    try {
      const answers = await breaker.run(
        () => {
          onTurn();
          // A paid request that may be on its way is not broken off: its answer is worth more than the time.
          const stop = operation.repeatable ? AbortSignal.any([lost, permit.signal]) : permit.signal;
          return observedCall(provider, operation.name, subjects.length, () =>
            operation.ask(subjects, { signal: stop, onSent: permit.sent, asOf, logger, pausedDomains }),
          );
        },
        (error) => (isUnsent(error) || !(error instanceof ProviderError) ? null : isOutage(error)),
      );
      outage.over();
      return answers;
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      throw isUnsent(error) ? notCharged(error) : await tellOthers(error);
    } finally {
      permit.sent();
    }
  };
}

/** How long a request may wait for its turn: a minute, and what the requests of four processes ahead of it take. */
function maxWaitOf({ windows, inFlight }: RateLimit): number {
  const eachMs = Math.max(0, ...windows.map(({ limit, periodMs }) => periodMs / limit));
  return 60_000 + 4 * inFlight * eachMs;
}

export const isOutage = (error: unknown) => error instanceof ProviderError && error.kind === "unavailable";

function notCharged({ provider, kind, detail, retryAfterMs, cause }: ProviderError): ProviderError {
  return new ProviderError(provider, kind, { detail, retryAfterMs, charged: false, cause });
}
