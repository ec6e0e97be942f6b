import { expect, test } from "vitest";
import { callAt, NOTHING, runOf } from "../specimen.ts";
import { judgeThrottle } from "./throttle.ts";

const AWAY = { victims: ["app" as const], atMs: 1_500, deadMs: 1_510, upMs: 1_600 };

/** Six runs of one key that are all called at this instant. */
const burst = (atMs: number) =>
  judgeThrottle({
    ...NOTHING,
    kills: [AWAY],
    runs: Array.from({ length: 6 }, (_, n) => runOf("throttled", n)),
    facts: Array.from({ length: 6 }, (_, n) => callAt(atMs, `run-${n}`)),
  }).problems.join();

test("a burst of throttled starts is a problem, unless they may be repeats after the app was away", () => {
  expect(burst(60_000)).toContain("6 throttled runs within a second");
  expect(burst(1_700)).toBe("");
});
