/** How many requests a minute somebody may make of us, counted for all replicas in Redis. */
import { createHash } from "node:crypto";
import { RateLimiterMemory, RateLimiterRedis } from "rate-limiter-flexible";
import type { Redis } from "./redis.ts";

/** How somebody stands after a request was counted. */
export interface Allowance {
  /** False: this one was too many. */
  allowed: boolean;
  limit: number;
  /** Requests that are left. */
  remaining: number;
  /** Until all are there again, rounded up. */
  resetSeconds: number;
}

export interface RateLimiter {
  /**
   * Counts a request, whether or not it is allowed. While Redis is away, each replica counts by itself.
   * @param who such as `sign-in:<account>`: only its digest is stored
   * @param perMinute what is allowed from the first request on for a minute, then anew
   */
  take(who: string, perMinute: number): Promise<Allowance>;
}

const MINUTE_S = 60;

export function createRateLimiter(redis: Redis): RateLimiter {
  // The limit is compared here, because callers have limits of their own: the library only counts.
  const counting = { keyPrefix: "cerniq:rate", points: Number.MAX_SAFE_INTEGER, duration: MINUTE_S };
  const counter = new RateLimiterRedis({
    ...counting,
    storeClient: redis,
    rejectIfRedisNotReady: true,
    insuranceLimiter: new RateLimiterMemory(counting),
  });
  return {
    async take(who, perMinute) {
      const key = createHash("sha256").update(who).digest("base64url");
      const { consumedPoints, msBeforeNext } = await counter.consume(key);
      return {
        allowed: consumedPoints <= perMinute,
        limit: perMinute,
        remaining: Math.max(perMinute - consumedPoints, 0),
        resetSeconds: Math.max(1, Math.ceil(msBeforeNext / 1_000)),
      };
    },
  };
}
