import fc from "fast-check";
import { expect, test } from "vitest";
import { readFunction } from "../protocol/functions.ts";
import { cronItem } from "./crons.ts";

const functionWith = (jitter: string | undefined) => {
  const read = readFunction(
    {
      id: "app-f",
      triggers: [{ cron: "*/5 * * * *", ...(jitter ? { jitter } : {}) }],
      steps: { step: { runtime: { type: "http", url: "http://127.0.0.1/x" } } },
    },
    "app",
  );
  if (!("spec" in read)) throw new Error(read.problems.join());
  return read.spec;
};

test("a tick comes at its time, or up to its jitter later", () => {
  const afters = fc.integer({ min: 1_700_000_000_000, max: 1_800_000_000_000 });
  fc.assert(
    fc.property(afters, fc.integer({ min: 0, max: 600 }), (afterMs, jitterS) => {
      const item = cronItem(functionWith(jitterS === 0 ? undefined : `${jitterS}s`), "*/5 * * * *", afterMs);
      const tickMs = (Math.floor(afterMs / 300_000) + 1) * 300_000;
      const late = (item?.dueAtMs ?? Number.NaN) - tickMs;
      expect(late).toBeGreaterThanOrEqual(0);
      expect(late).toBeLessThan(Math.max(1, jitterS * 1_000));
      expect(item?.id.endsWith(`:${tickMs}`)).toBe(true);
    }),
  );
});
