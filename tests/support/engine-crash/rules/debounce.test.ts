import { expect, test } from "vitest";
import { NOTHING, runOf, sentAt } from "../specimen.ts";
import { judgeDebounce } from "./debounce.ts";

/** Events 1, 2 and 3 of one key at 1000, 1500 and 9000; runs of these, each made at that instant. */
const ran = (runs: [number, number][]) =>
  judgeDebounce({
    ...NOTHING,
    sent: new Map([1_000, 1_500, 9_000].map((atMs, index) => [index + 1, sentAt("debounced", atMs)])),
    runs: runs.map(([n, atMs]) => runOf("debounced", n, { queued_at_ms: atMs })),
  }).problems.join();

test("runs for the last events of a key are enough", () => {
  expect(
    ran([
      [2, 2_500],
      [3, 10_000],
    ]),
  ).toBe("");
  // The engine was down, so the last had not come yet when the second was due.
  expect(ran([[3, 10_000]])).toBe("");
});

test("a last event without a run, and a run before its time, are found", () => {
  expect(ran([[2, 2_500]])).toContain("event 3 was accepted, and neither it nor a newer one");
  expect(
    ran([
      [2, 2_499],
      [3, 10_000],
    ]),
  ).toContain("before its event 2 had been held");
});
