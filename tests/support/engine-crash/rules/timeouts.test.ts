import { expect, test } from "vitest";
import { STATUS } from "../kinds.ts";
import { callAt, NOTHING, runOf } from "../specimen.ts";
import { judgeTimeouts } from "./timeouts.ts";

/** Event n's run of this function, made at 1000 and called at this instant, ended like this. */
function ended(
  name: string,
  n: number,
  status: number,
  endedAtMs: number,
  calledAtMs: number | null = 1_010,
) {
  return judgeTimeouts({
    ...NOTHING,
    kills: [{ victims: ["app"], atMs: 50_000, deadMs: 50_010, upMs: 51_000 }],
    facts: calledAtMs === null ? [] : [callAt(calledAtMs, `run-${n}`)],
    runs: [runOf(name, n, { status, queued_at_ms: 1_000, ended_at_ms: endedAtMs })],
  }).problems.join();
}

test("what takes too long, or is not started in time, is cancelled", () => {
  expect(ended("hurried", 1, STATUS.cancelled, 2_010)).toBe("");
  expect(ended("hurried", 2, STATUS.completed, 1_100)).toBe("");
  // In time had nothing been killed.
  expect(ended("hurried", 2, STATUS.cancelled, 2_010)).toBe("");
  expect(ended("patient", 1, STATUS.completed, 9_000)).toBe("");
  expect(ended("patient", 1, STATUS.cancelled, 2_000, null)).toBe("");
  // The app died in the middle of its call.
  expect(ended("patient", 1, STATUS.cancelled, 52_000, 49_900)).toBe("");
});

test("a run that dawdled and completed, and one cancelled too early or after its start, are found", () => {
  expect(ended("hurried", 1, STATUS.completed, 9_000)).toContain("was not cancelled");
  expect(ended("hurried", 1, STATUS.cancelled, 1_900)).toContain("before its time was over");
  expect(ended("patient", 1, STATUS.cancelled, 1_900, null)).toContain("before its time was over");
  expect(ended("patient", 1, STATUS.cancelled, 2_000)).toContain("and had been called");
});
