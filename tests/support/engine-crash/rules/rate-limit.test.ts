import { expect, test } from "vitest";
import { callAt, NOTHING, runOf, sentAt } from "../specimen.ts";
import { judgeRateLimit } from "./rate-limit.ts";

/** Events of one key sent at these instants; runs of some of them, let in at others. */
const letIn = (sent: number[], runs: [number, number][], calledAfterMs = 20) =>
  judgeRateLimit({
    ...NOTHING,
    sent: new Map(sent.map((atMs, n) => [n, sentAt("rated", atMs)])),
    runs: runs.map(([n, atMs]) => runOf("rated", n, { queued_at_ms: atMs })),
    facts: runs.map(([n, atMs]) => callAt(atMs + calledAfterMs, `run-${n}`)),
  }).problems.join();

test("runs up to the limit, and none for an event that came within a period of one, are no problem", () => {
  const runs: [number, number][] = [
    [0, 1_000],
    [2, 2_000],
    [3, 3_000],
  ];
  expect(letIn([1_000, 1_500, 2_000, 3_000], runs)).toBe("");
});

test("too many runs in a period are found", () => {
  const runs: [number, number][] = [
    [0, 1_000],
    [1, 1_500],
    [2, 2_999],
  ];
  expect(letIn([1_000, 1_500, 2_999], runs)).toContain("started 3 rated runs within a period");
});

test("an event dropped for nothing is found", () => {
  expect(letIn([1_000], [])).toContain("event 0 of key k was dropped");
  expect(letIn([1_000, 3_000], [[0, 1_000]])).toContain("event 1 of key k was dropped");
  expect(letIn([1_000, 5_000], [[1, 5_000]])).toContain("event 0 of key k was dropped");
});

test("a time of entry that cannot be is found", () => {
  expect(letIn([1_000], [[0, 999]])).toContain("before its event, or after its call");
  expect(letIn([1_000], [[0, 1_001]], -1)).toContain("before its event, or after its call");
});
