import fc from "fast-check";
import { expect, it } from "vitest";
import { nextAttemptMs } from "#src/domain/webhooks-out.ts";

const random = fc.double({ min: 0, max: 1, noNaN: true });
const HOUR_MS = 3_600_000;

it("attempts end within 27 hours, whatever chance says, and the first three waits are exact", () => {
  fc.assert(
    fc.property(fc.array(random, { minLength: 20, maxLength: 20 }), (chances) => {
      const waits = chances.map((chance, index) => nextAttemptMs(index + 1, chance));
      expect(waits.slice(0, 3)).toEqual([5_000, 10_000, 20_000]);
      const made = waits.slice(0, waits.indexOf(null)) as number[];
      expect(waits.slice(made.length).every((wait) => wait === null)).toBe(true);
      const totalMs = made.reduce((sum, wait) => sum + wait, 0);
      expect(totalMs).toBeGreaterThan(20 * HOUR_MS);
      expect(totalMs).toBeLessThan(27 * HOUR_MS);
    }),
  );
});

it("a receiver gets the time it asks for, up to eight hours, and never less than the schedule's", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 }), random, fc.nat(100 * HOUR_MS), (attempts, chance, asked) => {
      const wait = nextAttemptMs(attempts, chance, asked) as number;
      const plain = nextAttemptMs(attempts, chance) as number;
      expect(wait).toBe(Math.max(plain, Math.min(asked, 8 * HOUR_MS)));
    }),
  );
});
