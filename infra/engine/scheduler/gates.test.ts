import fc from "fast-check";
import { expect, test } from "vitest";
import { batch, type Collected, debounce, rateLimit } from "./gates.ts";

/** Gaps between events, in ms; instants from them. */
const gaps = fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 60 });
const instants = (list: number[]): number[] => {
  let at = 1_000_000;
  return list.map((gap) => {
    at += gap;
    return at;
  });
};

/** Runs events through a gate in virtual time: timers fire in between, as the engine's do. */
function simulate<T>(
  events: { at: number; value: T }[],
  step: (held: Collected | null, at: number) => { held: Collected | null; full: boolean },
  keepsAll: boolean,
): { at: number; values: T[] }[] {
  const runs: { at: number; values: T[] }[] = [];
  let held: Collected | null = null;
  let values: T[] = [];
  const release = (at: number): void => {
    runs.push({ at, values });
    held = null;
    values = [];
  };
  for (const { at, value } of events) {
    const due: Collected | null = held as Collected | null;
    if (due && due.dueAtMs <= at) release(due.dueAtMs);
    const next = step(held, at);
    held = next.held;
    values = keepsAll ? [...values, value] : [value];
    if (next.full) release(at);
  }
  const last = held as Collected | null;
  if (last) release(last.dueAtMs);
  return runs;
}

test("debounce: a run after each quiet period, with its last event; the wait is bounded", () => {
  fc.assert(
    fc.property(
      gaps,
      fc.integer({ min: 1, max: 2_000 }),
      fc.option(fc.integer({ min: 1, max: 5_000 })),
      (list, periodMs, maxMs) => {
        const times = instants(list);
        const runs = simulate(
          times.map((at, value) => ({ at, value })),
          (held, at) => ({ held: debounce({ periodMs, maxMs }, held, 1, at), full: false }),
          false,
        );
        // The model: bursts are cut where an event comes when the run of those before it is due.
        const expected: { at: number; values: number[] }[] = [];
        let burst: number[] = [];
        const dueOf = (): number => {
          const quiet = (times[burst.at(-1) ?? 0] ?? 0) + periodMs;
          return maxMs === null ? quiet : Math.min(quiet, (times[burst[0] ?? 0] ?? 0) + maxMs);
        };
        for (const [index, at] of times.entries()) {
          if (burst.length > 0 && at >= dueOf()) {
            expected.push({ at: dueOf(), values: [burst.at(-1) ?? 0] });
            burst = [];
          }
          burst.push(index);
        }
        expected.push({ at: dueOf(), values: [burst.at(-1) ?? 0] });
        expect(runs).toEqual(expected);
      },
    ),
  );
});

test("batch: every event in exactly one run, in order, no run too large or too late", () => {
  fc.assert(
    fc.property(
      gaps,
      fc.integer({ min: 1, max: 10 }),
      fc.integer({ min: 1, max: 4_000 }),
      (list, maxSize, timeoutMs) => {
        const times = instants(list);
        const runs = simulate(
          times.map((at, value) => ({ at, value })),
          (held, at) => batch({ maxSize, timeoutMs }, held, 1, at),
          true,
        );
        expect(runs.flatMap(({ values }) => values)).toEqual(times.map((_at, index) => index));
        for (const { at, values } of runs) {
          const first = times[values[0] ?? 0] ?? 0;
          expect(values.length).toBeLessThanOrEqual(maxSize);
          expect(at - first).toBeLessThanOrEqual(timeoutMs);
          // A run that is not full came at its timeout, not before.
          if (values.length < maxSize) expect(at - first).toBe(timeoutMs);
        }
      },
    ),
  );
});

test("batch: a run is made when its events come to 10 MiB", () => {
  const rule = { maxSize: 1_000, timeoutMs: 1_000 };
  const first = batch(rule, null, 6 * 1024 * 1024, 0);
  expect(first.full).toBe(false);
  expect(batch(rule, first.held, 6 * 1024 * 1024, 1).full).toBe(true);
});

test("rateLimit: as a model that keeps all starts apart by period / limit would, and refusals cost nothing", () => {
  fc.assert(
    fc.property(
      gaps,
      fc.array(
        fc.record({ limit: fc.integer({ min: 1, max: 5 }), periodMs: fc.integer({ min: 1, max: 5_000 }) }),
        {
          minLength: 1,
          maxLength: 2,
        },
      ),
      (list, rules) => {
        let tats = rules.map(() => 0);
        let lastAllowed: number | null = null;
        for (const at of instants(list)) {
          const next = rateLimit(rules, tats, at);
          const spacing = Math.max(...rules.map((rule) => rule.periodMs / rule.limit));
          const expected: boolean = lastAllowed === null || at - lastAllowed >= spacing - 1e-6;
          expect(next !== null).toBe(expected);
          if (next) {
            tats = next;
            lastAllowed = at;
          }
        }
      },
    ),
  );
});
