import { expect, test } from "vitest";
import { STATUS } from "../kinds.ts";
import type { Sent } from "../load.ts";
import { NOTHING, runOf, sentAt } from "../specimen.ts";
import { judgeCancelOn } from "./cancel-on.ts";

/** Run 1 went on from 1000 to 5000; event 2 is a stop, at 2000 unless told. */
function stopped(status: number, stop: Partial<Sent>, downUntilMs = 0) {
  return judgeCancelOn({
    ...NOTHING,
    sent: new Map([
      [1, sentAt("stoppable", 995)],
      [2, sentAt("stop", 2_000, { of: 1, ...stop })],
    ]),
    kills: [{ victims: ["engine"], atMs: 2_100, deadMs: 2_100, upMs: Math.max(2_100, downUntilMs) }],
    runs: [runOf("stoppable", 1, { status, queued_at_ms: 1_000, ended_at_ms: 5_000 })],
  }).problems.join();
}

test("a run is cancelled when it was stopped, and may be when its stop came late or was not answered", () => {
  expect(stopped(STATUS.cancelled, {})).toBe("");
  expect(stopped(STATUS.cancelled, { acceptedAtMs: null })).toBe("");
  expect(stopped(STATUS.completed, { acceptedAtMs: null })).toBe("");
  expect(stopped(STATUS.completed, { acceptedAtMs: 4_500 })).toBe("");
  expect(stopped(STATUS.completed, { of: 7 })).toBe("");
  // The engine came back just before the run ended.
  expect(stopped(STATUS.completed, {}, 4_500)).toBe("");
});

test("a run that goes on after its stop is found", () => {
  expect(stopped(STATUS.completed, {})).toContain("went on after its stop (event 2)");
});

test("a run that was cancelled without a stop, before it, or by one from before its time is found", () => {
  expect(stopped(STATUS.cancelled, { of: 7 })).toContain("although nobody stopped it");
  expect(stopped(STATUS.cancelled, { sentAtMs: 5_001 })).toContain("although nobody stopped it");
  expect(stopped(STATUS.cancelled, { sentAtMs: 900, acceptedAtMs: 910 })).toContain("nobody stopped it");
});
