import fc from "fast-check";
import { expect, test } from "vitest";
import { throttle } from "./throttle.ts";

/** Starts as many as allowed, over virtual time, when all of them are waiting from the beginning. */
function startsOf(rule: { limit: number; periodMs: number; burst: number }, count: number): number[] {
  const starts: number[] = [];
  let tatMs = 0;
  let now = 1_000_000;
  while (starts.length < count) {
    const decision = throttle(rule, tatMs, now);
    if (decision.allowed) {
      starts.push(now);
      tatMs = decision.tatMs;
    } else now = Math.ceil(decision.retryAtMs);
  }
  return starts;
}

const rules = fc.record({
  limit: fc.integer({ min: 1, max: 50 }),
  periodMs: fc.integer({ min: 1_000, max: 60_000 }),
  burst: fc.integer({ min: 1, max: 20 }),
});

test("no window of one period ever sees more than limit plus burst starts", () => {
  fc.assert(
    fc.property(rules, fc.integer({ min: 1, max: 200 }), (rule, count) => {
      const starts = startsOf(rule, count);
      for (const at of starts) {
        const inWindow = starts.filter((other) => other >= at && other < at + rule.periodMs).length;
        expect(inWindow).toBeLessThanOrEqual(rule.limit + rule.burst);
      }
    }),
  );
});

test("without a burst, starts are never closer than period divided by limit", () => {
  fc.assert(
    fc.property(rules, (rule) => {
      const starts = startsOf({ ...rule, burst: 1 }, 30);
      for (const [i, at] of starts.slice(1).entries()) {
        expect(at - (starts[i] ?? 0)).toBeGreaterThanOrEqual(Math.floor(rule.periodMs / rule.limit));
      }
    }),
  );
});

test("the rate is used: n starts take no longer than n periods divided by limit", () => {
  fc.assert(
    fc.property(rules, fc.integer({ min: 1, max: 100 }), (rule, count) => {
      const starts = startsOf(rule, count);
      const tookMs = (starts.at(-1) ?? 0) - (starts[0] ?? 0);
      expect(tookMs).toBeLessThanOrEqual((count * rule.periodMs) / rule.limit + count);
    }),
  );
});

test("a refused start is allowed exactly when it was told to come back", () => {
  fc.assert(
    fc.property(rules, fc.integer({ min: 0, max: 10_000 }), (rule, aheadMs) => {
      const decision = throttle(rule, 5_000_000 + aheadMs, 5_000_000);
      if (decision.allowed) return;
      expect(throttle(rule, 5_000_000 + aheadMs, decision.retryAtMs).allowed).toBe(true);
      expect(throttle(rule, 5_000_000 + aheadMs, decision.retryAtMs - 1).allowed).toBe(false);
    }),
  );
});
