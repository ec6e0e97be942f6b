import { expect, test } from "vitest";
import type { SentSignal } from "../load.ts";
import { callAt, NOTHING, runOf, stepOf } from "../specimen.ts";
import { judgeSignals } from "./signals.ts";

/** Run 1 was asked at 990 and waits from 1000, for 2 seconds; signal 2 is for it, sent at 1500. */
function waited(
  taken: number | null,
  endedAtMs: number,
  answer: SentSignal["answer"],
  sentAtMs = 1_500,
  of = 1,
) {
  const memo = taken === null ? "null" : JSON.stringify({ data: { signal: "s", data: { n: taken } } });
  return judgeSignals({
    ...NOTHING,
    signals: new Map([[2, { of, sentAtMs, answer }]]),
    facts: [callAt(990, "run-1"), { kind: "woke", run: "run-1", with: taken }],
    runs: [runOf("signalled", 1)],
    steps: [stepOf("run-1", "wait", { memo, started_at_ms: 1_000, at_ms: endedAtMs })],
  }).problems.join();
}

const taken = { status: 200, runId: "run-1", atMs: 1_520 };
const refused = { status: 404, runId: null, atMs: 1_520 };

test("a wait ends with the signal that was accepted or not answered, or by its timeout", () => {
  expect(waited(2, 1_510, taken)).toBe("");
  expect(waited(2, 1_510, null)).toBe("");
  expect(waited(null, 3_000, null)).toBe("");
  expect(waited(null, 3_000, refused, 900)).toBe("");
});

test.each<[string, string, string]>([
  ["an accepted signal that was lost", waited(null, 3_000, taken), "which went on with null"],
  [
    "a signal accepted for another run",
    waited(2, 1_510, { ...taken, runId: "run-9" }),
    "accepted for run run-9",
  ],
  ["a refused signal that was taken", waited(2, 1_510, refused), "which was refused"],
  [
    "a signal refused while it was waited for",
    waited(null, 3_000, refused),
    "was refused while run run-1 waited",
  ],
  ["a timeout too early", waited(null, 2_900, null), "timed out too early"],
  ["another's signal", waited(2, 1_510, null, 1_500, 7), "not sent to it by then"],
  ["a signal from after the end", waited(2, 1_490, null), "not sent to it by then"],
])("%s is found", (_, problems, problem) => {
  expect(problems).toContain(problem);
});
