import { expect, test } from "vitest";
import { callAt, NOTHING, runOf } from "../specimen.ts";
import { judgeThrottle } from "./throttle.ts";

/** Runs of one key whose first calls are these many milliseconds apart; a second call is no start. */
const apart = (ms: number) =>
  judgeThrottle({
    ...NOTHING,
    runs: Array.from({ length: 6 }, (_, n) => runOf("throttled", n)),
    facts: Array.from({ length: 6 }, (_, n) => [
      callAt(10_000 + n * ms, `run-${n}`),
      callAt(20_000, `run-${n}`),
    ]).flat(),
  }).problems.join();

test("more starts in a second than the throttle allows are a problem", () => {
  expect(apart(500)).toBe("");
  expect(apart(250)).toContain("started 4 throttled runs within a second");
  expect(apart(0)).toContain("started 6 throttled runs within a second");
});
