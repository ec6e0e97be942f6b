import { expect, test } from "vitest";
import type { Evidence } from "../evidence.ts";
import { STATUS } from "../kinds.ts";
import { NOTHING, runOf, sentAt, stepOf, workAt } from "../specimen.ts";
import { judgeSingletons } from "./singleton.ts";

const MARKS = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"];
const memoOf = (index: number) => JSON.stringify({ data: MARKS[index] });

/** Events 0 and 1 of one key at 1000 and 3000, with a run each, that work at once and end after 2 and 4 seconds. */
function two(kind: "single-skip" | "single-cancel", change: Partial<Evidence> = {}): string {
  return judgeSingletons({
    ...NOTHING,
    sent: new Map([
      [0, sentAt(kind, 1_000)],
      [1, sentAt(kind, 3_000)],
    ]),
    runs: [
      runOf(kind, 0, { queued_at_ms: 1_000, ended_at_ms: 2_000 }),
      runOf(kind, 1, { queued_at_ms: 3_000, ended_at_ms: 4_000 }),
    ],
    facts: [...workAt(1_020, "run-0", "in", MARKS[0] ?? ""), ...workAt(3_020, "run-1", "in", MARKS[1] ?? "")],
    steps: [stepOf("run-0", "in", { memo: memoOf(0) }), stepOf("run-1", "in", { memo: memoOf(1) })],
    ...change,
  }).problems.join("; ");
}

const cancelled = runOf("single-cancel", 0, {
  status: STATUS.cancelled,
  queued_at_ms: 1_000,
  ended_at_ms: 3_010,
});
const next = runOf("single-cancel", 1, { queued_at_ms: 3_000, ended_at_ms: 4_000 });

test("one run after the other, and one cancelled for a newer one, are no problem", () => {
  expect(two("single-skip")).toBe("");
  expect(two("single-cancel", { runs: [cancelled, next] })).toBe("");
});

test("an execution that counts for nothing may linger on", () => {
  const first = workAt(1_020, "run-0", "in", MARKS[0] ?? "");
  const second = workAt(3_020, "run-1", "in", MARKS[1] ?? "");
  const lingering = workAt(1_010, "run-0", "in", "of a killed engine").map((fact) =>
    fact.kind === "end" ? { ...fact, atMs: 3_500 } : fact,
  );
  expect(two("single-skip", { facts: [...first, ...lingering, ...second] })).toBe("");
});

test("two runs of a key at once are found, by their calls and by their work", () => {
  const again = workAt(3_021, "run-0", "out", "third");
  const facts = [
    ...workAt(1_020, "run-0", "in", MARKS[0] ?? ""),
    ...workAt(3_020, "run-1", "in", MARKS[1] ?? ""),
  ];
  expect(two("single-skip", { facts: [...facts, ...again] })).toContain("run-0 and run-1 went on at once");
  expect(two("single-cancel", { facts: [...facts, ...again] })).toContain("run-0 and run-1 went on at once");
  const long = facts.map((fact) =>
    fact.kind === "end" && fact.mark === MARKS[0] ? { ...fact, atMs: 3_030 } : fact,
  );
  expect(two("single-skip", { facts: long })).toContain("run-0 and run-1 went on at once");
});

test("an event is skipped only while another run goes on", () => {
  const first = runOf("single-skip", 0, { queued_at_ms: 1_000, ended_at_ms: 3_005 });
  expect(two("single-skip", { runs: [first] })).toBe("");
  expect(two("single-skip", { runs: [{ ...first, ended_at_ms: 2_999 }] })).toContain("event 1 was skipped");
  expect(two("single-skip", { runs: [] })).toContain("event 0 was skipped");
  // A run that began after it was not in its way.
  expect(two("single-skip", { runs: [runOf("single-skip", 1)] })).toContain("event 0 was skipped");
});

test("the last run of a key is not cancelled", () => {
  const last = { ...next, status: STATUS.cancelled };
  expect(two("single-cancel", { runs: [cancelled, last] })).toContain(
    "run-1 (crash-single-cancel) was cancelled",
  );
  expect(two("single-cancel", { runs: [{ ...cancelled, ended_at_ms: 2_000 }, next] })).toContain(
    "no newer one",
  );
});
