import { createMiddleware } from "hono/factory";
import type { Principal } from "#src/domain/access/principal.ts";
import { RateLimitError } from "#src/domain/errors.ts";
import type { RateLimiter } from "#src/platform/rate-limit.ts";
import { networkOf } from "../client-ip.ts";
import type { AppEnv } from "../envelope.ts";

/**
 * Requests a minute. Who has signed in is counted by who they are, an API key with a limit of its own by that, and a
 * service not at all; everybody else by their address, so that guessing keys ends with the minute's requests and shuts
 * nobody out who may.
 * Header names: draft-ietf-httpapi-ratelimit-headers up to version 07, which is what clients know.
 */
export const rateLimit = (limiter: RateLimiter, perMinute: number) =>
  createMiddleware<AppEnv>(async (c, next) => {
    const principal = c.get("principal");
    const allowed = principal ? allowedTo(principal, perMinute) : perMinute;
    if (allowed !== null) {
      const who = principal ? `${principal.kind}:${principal.id}` : `address:${networkOf(c.get("clientIp"))}`;
      const allowance = await limiter.take(who, allowed);
      c.header("RateLimit-Limit", String(allowance.limit));
      c.header("RateLimit-Remaining", String(allowance.remaining));
      c.header("RateLimit-Reset", String(allowance.resetSeconds));
      if (!allowance.allowed) {
        const message = `That was more than ${allowance.limit} requests a minute: go on in ${allowance.resetSeconds} s.`;
        throw new RateLimitError(message, allowance.resetSeconds);
      }
    }
    await next();
  });

/** Null: any number. */
function allowedTo({ kind, requestsPerMinute }: Principal, usual: number): number | null {
  return requestsPerMinute ?? (kind === "service" ? null : usual);
}
