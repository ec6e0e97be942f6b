import { expect, test } from "vitest";
import type { Evidence } from "../evidence.ts";
import type { Sent } from "../load.ts";
import { callAt, NOTHING, runOf, sentAt, stepOf } from "../specimen.ts";
import { judgeWaits } from "./waits.ts";

/** Run 1 was asked at 990 and waits from 1000, for 2 seconds; event 2 is for it. */
function waited(
  taken: number | null,
  endedAtMs: number,
  answer: Partial<Sent>,
  change: Partial<Evidence> = {},
) {
  const memo = taken === null ? "null" : JSON.stringify({ data: { n: taken, of: 1 } });
  return judgeWaits({
    ...NOTHING,
    sent: new Map([[2, sentAt("answer", 1_500, { of: 1, ...answer })]]),
    facts: [callAt(990, "run-1"), { kind: "woke", run: "run-1", with: taken }],
    runs: [runOf("waiter", 1)],
    steps: [stepOf("run-1", "wait", { memo, started_at_ms: 1_000, at_ms: endedAtMs })],
    ...change,
  }).problems.join();
}

const DOWN = [{ victims: ["engine" as const], atMs: 2_900, deadMs: 2_910, upMs: 7_000 }];

test("a wait ends with its event, or by its timeout when none came or all came too early or too late", () => {
  expect(waited(2, 1_600, {})).toBe("");
  expect(waited(null, 3_000, { of: 7 })).toBe("");
  expect(waited(null, 3_000, { sentAtMs: 900 })).toBe("");
  expect(waited(null, 3_000, { sentAtMs: 2_800, acceptedAtMs: 2_950 })).toBe("");
  expect(waited(null, 3_000, { acceptedAtMs: null })).toBe("");
  // Taken without an answer, and found after an outage.
  expect(waited(2, 7_100, { acceptedAtMs: null }, { kills: DOWN })).toBe("");
});

test.each<[string, string, string]>([
  ["an event missed", waited(null, 3_000, {}), "waited and missed event 2"],
  [
    "an event missed since the engine was down at the timeout",
    waited(null, 7_050, {}, { kills: DOWN }),
    "missed",
  ],
  ["a timeout too early", waited(null, 2_900, { of: 7 }), "timed out too early"],
  ["another's event", waited(2, 1_600, { of: 7 }), "which is not for it"],
  [
    "an event from before the wait",
    waited(2, 1_600, { sentAtMs: 800, acceptedAtMs: 810 }),
    "before or after",
  ],
  ["an event after the timeout", waited(2, 9_000, { sentAtMs: 4_000 }), "although its time was over"],
  ["a wait without an end", waited(2, 1_600, {}, { steps: [] }), "never came to the end"],
  [
    "a function that went on with something else",
    waited(2, 1_600, {}, { facts: [callAt(990, "run-1"), { kind: "woke", run: "run-1", with: null }] }),
    "went on with null, recorded is 2",
  ],
])("%s is found", (_, problems, problem) => {
  expect(problems).toContain(problem);
});
