import fc from "fast-check";
import { expect, test } from "vitest";
import { reconnectDelayMs, retryDelayMs } from "./backoff.ts";

test("the second attempt comes after 15 to 20 s, as with a real server", () => {
  expect(retryDelayMs(0, 0, 1)).toBe(15_000);
  expect(retryDelayMs(0, 0.999, 1)).toBeLessThan(20_000);
});

test("delays grow with the attempt, stay within about two hours, and scale", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 30 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (attempt, random) => {
        const delay = retryDelayMs(attempt, random, 1);
        expect(delay).toBeLessThanOrEqual(7_230_000);
        expect(retryDelayMs(attempt + 1, 0, 1)).toBeGreaterThanOrEqual(retryDelayMs(attempt, 0, 1));
        expect(Math.abs(retryDelayMs(attempt, random, 0.5) - delay / 2)).toBeLessThanOrEqual(1);
      },
    ),
  );
});

test("an app that is down is tried again within 0.2 to 2 s, for ever", () => {
  expect(reconnectDelayMs(1)).toBe(200);
  expect(reconnectDelayMs(2)).toBe(400);
  for (const failures of [5, 50, 5_000]) expect(reconnectDelayMs(failures)).toBe(2_000);
});
