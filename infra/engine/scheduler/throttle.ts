/** A throttle in units of time: `limit` starts per period, evenly spaced, of which `burst` may come at once. */
export interface ThrottleRule {
  limit: number;
  periodMs: number;
  burst: number;
}

export type ThrottleDecision = { allowed: true; tatMs: number } | { allowed: false; retryAtMs: number };

/**
 * GCRA, the generic cell rate algorithm. `tatMs` is the key's theoretical arrival time (0 for a new key);
 * an allowed start returns the one to keep, a refused start the first instant at which it would be allowed.
 */
export function throttle(rule: ThrottleRule, tatMs: number, nowMs: number): ThrottleDecision {
  const emissionMs = rule.periodMs / rule.limit;
  const toleranceMs = emissionMs * (Math.max(1, rule.burst) - 1);
  const allowedAtMs = tatMs - toleranceMs;
  if (nowMs < allowedAtMs) return { allowed: false, retryAtMs: allowedAtMs };
  return { allowed: true, tatMs: Math.max(tatMs, nowMs) + emissionMs };
}
