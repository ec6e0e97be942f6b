/**
 * A limit on how often we call a provider, shared by all replicas through Redis: never more requests than each of its
 * windows allows, evenly spread, first come, first served. Why this and no library:
 * docs/decisions/0005-provider-limits.md.
 *
 * What a provider counts is the moment a request reaches it. Between a grant and that moment lie a busy event loop
 * and a connection to open, so a grant alone starts no period: the caller tells when the request has been written, and
 * until then it counts as one that may be written at any moment. A caller that stalls costs time and never breaks the
 * limit.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import {
  callLimiter,
  type LimiterVerb,
  limiterSettings,
  type RateWindow,
} from "#src/platform/limiter-script.ts";
import { ProviderError } from "#src/platform/provider-error.ts";

export interface LimiterOptions {
  /** Whose limit it is, such as "anaf": names the keys in Redis, and the provider in errors. */
  name: string;
  /** All of them hold at once, over any period, however it is aligned. None: no request waits, but for a pause. */
  windows: readonly RateWindow[];
  /**
   * Added to every period: the way to the provider may take longer for one request than for the next (default 20).
   * Long periods get 0.5 % at least.
   */
  marginMs?: number;
  /** A granted request that is not on its way by then is given up, and its place stays taken for so long. */
  leaseMs?: number;
}

export interface Permit {
  /** Aborts, with a retryable ProviderError, when the request has not been written in time: pass it to the request. */
  readonly signal: AbortSignal;
  /** To be called when the request has been written (or will never be). Repeating it is harmless. */
  sent(): void;
}

export interface AcquireOptions {
  /** A longer wait than this is refused, as soon as it is known. */
  maxWaitMs: number;
  signal?: AbortSignal;
  /** Among those waiting, lower goes first (default 0); within a rank, first come, first served. */
  rank?: number;
}

export interface LimiterState {
  /** Callers in the queue, over all replicas. */
  waiting: number;
  /** Until the end of the pause that the provider asked for; 0: none. */
  pausedForMs: number;
  /** The part of the full rate that is given up at present: 0 (full speed) to 0.9. */
  slowedBy: number;
}

export interface Limiter {
  /**
   * Waits for this caller's turn.
   * @throws ProviderError rate_limited, with `retryAfterMs`, when the wait would be too long; unavailable when
   * Redis cannot be reached; the signal's reason when it aborts
   */
  acquire(options: AcquireOptions): Promise<Permit>;
  /**
   * Nobody's turn comes for this long: the provider has asked for a pause. Afterwards the pace is four fifths of what
   * it was, and grows again by a hundredth of the full rate a second. `slower: false`: an outage, which says nothing
   * about the pace.
   */
  backOff(ms: number, options?: { slower: boolean }): Promise<void>;
  state(): Promise<LimiterState>;
}

export function createLimiter(
  redis: Redis,
  { name, windows, marginMs = 20, leaseMs = 2_000 }: LimiterOptions,
): Limiter {
  const settings = limiterSettings(windows, marginMs, leaseMs);
  const call = (verb: LimiterVerb, rest: { who?: string; number?: number; rank?: number } = {}) =>
    callLimiter(redis, { name, settings, verb, ...rest }).catch((error: unknown) => {
      const detail = "the limiter's Redis cannot be reached";
      throw new ProviderError(name, "unavailable", { detail, retryAfterMs: 2_000, cause: error });
    });

  function permit(who: string, grantedAt: number): Permit {
    if (windows.length === 0) return { signal: new AbortController().signal, sent() {} };
    const unsent = new AbortController();
    const timer = setTimeout(
      () => {
        const detail = "the request was not on its way in time";
        const retryAfterMs = Math.ceil(settings.spacingUs / 1000);
        unsent.abort(new ProviderError(name, "unavailable", { detail, retryAfterMs }));
      },
      leaseMs - (performance.now() - grantedAt),
    );
    let told = false;
    return {
      signal: unsent.signal,
      sent() {
        if (told) return;
        told = true;
        clearTimeout(timer);
        // Lost with Redis? Then the lease's end counts as the moment of sending, which is later: safe, only slower.
        call("sent", { who }).catch(() => {});
      },
    };
  }

  return {
    async acquire({ maxWaitMs, signal, rank = 0 }) {
      const who = randomUUID();
      const refusedAt = performance.now() + maxWaitMs;
      let ticket = 0;
      try {
        for (;;) {
          signal?.throwIfAborted();
          const askedAt = performance.now();
          const [granted = 0, place = 0, waitUs = 0, askAgainUs = 0] = await call("take", {
            who,
            number: ticket,
            rank,
          });
          ticket = place;
          if (granted === 1) {
            // Too much of the lease went by before we heard of it.
            if (performance.now() - askedAt < leaseMs / 4) return permit(who, askedAt);
            await call("leave", { who });
            continue;
          }
          const retryAfterMs = Math.ceil(waitUs / 1000);
          if (performance.now() + retryAfterMs > refusedAt) {
            const detail = "too many requests are waiting";
            throw new ProviderError(name, "rate_limited", { detail, retryAfterMs });
          }
          await sleep(Math.ceil(askAgainUs / 1000), undefined, { signal });
        }
      } catch (error) {
        if (ticket !== 0) await call("leave", { who }).catch(() => {});
        signal?.throwIfAborted();
        throw error;
      }
    },
    async backOff(ms, { slower } = { slower: true }) {
      // Without windows there is no pace that could come down.
      const who = slower && windows.length > 0 ? "slower" : "";
      await call("back-off", { who, number: Math.ceil(ms * 1000) });
    },
    async state() {
      const [waiting = 0, pausedUs = 0, perMille = 1000] = await call("state");
      return { waiting, pausedForMs: Math.ceil(pausedUs / 1000), slowedBy: (1000 - perMille) / 1000 };
    },
  };
}
