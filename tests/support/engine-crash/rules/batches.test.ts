import { expect, test } from "vitest";
import type { Evidence } from "../evidence.ts";
import { callAt, NOTHING, runOf, sentAt } from "../specimen.ts";
import { judgeBatches } from "./batches.ts";

const event = sentAt("batched", 1_000);
const calls = [
  callAt(2_000, "run-1", { events: [1, 2, 3] }),
  callAt(2_000, "run-4", { events: [4] }),
  callAt(2_000, "all-1", { events: [1, 2] }),
  callAt(2_000, "all-3", { events: [3, 4] }),
];
const honest: Evidence = {
  ...NOTHING,
  sent: new Map([
    [1, event],
    [2, event],
    [3, event],
    [4, { ...event, key: "other" }],
    [5, { ...event, acceptedAtMs: null }],
  ]),
  runs: [
    runOf("batched", 1),
    runOf("batched", 4),
    runOf("batched-all", 1, { id: "all-1" }),
    runOf("batched-all", 3, { id: "all-3" }),
  ],
  facts: [...calls, callAt(3_000, "run-1", { events: [1, 2, 3] })],
};
const problemsOf = (facts: Evidence["facts"]) => judgeBatches({ ...honest, facts }).problems.join("; ");

test("every accepted event in one batch of each function is no problem", () => {
  expect(problemsOf(honest.facts)).toBe("");
});

test.each<[string, Evidence["facts"], string]>([
  [
    "an event in no batch",
    calls.with(3, callAt(2_000, "all-3", { events: [3] })),
    "in no batch of batched-all",
  ],
  [
    "an event in two",
    calls.with(3, callAt(2_000, "all-3", { events: [2, 3, 4] })),
    "is in 2 batches of batched-all",
  ],
  ["too large a batch", calls.with(0, callAt(2_000, "run-1", { events: [1, 2, 3, 5] })), "has 4 events"],
  ["two keys in one batch", calls.with(1, callAt(2_000, "run-4", { events: [3, 4] })), "of the keys k,other"],
  ["a batch that changed", [...calls, callAt(3_000, "run-1", { events: [1, 2] })], "then for 1,2"],
  ["an event of others", calls.with(1, callAt(2_000, "run-4", { events: [4, 9] })), "not its own: 9"],
])("%s is found", (_, facts, problem) => {
  expect(problemsOf(facts)).toContain(problem);
});
