import { expect, test } from "vitest";
import { NOTHING, runOf, workAt } from "../specimen.ts";
import { judgeConcurrency } from "./concurrency.ts";

/** Three runs of one key, whose steps were asked for at these instants and ran for 5 ms. */
const at = (...times: number[]) =>
  judgeConcurrency({
    ...NOTHING,
    kills: [{ victims: ["engine"], atMs: 50_000, deadMs: 50_000, upMs: 51_000 }],
    runs: times.map((_, n) => runOf("limited", n)),
    facts: times.flatMap((atMs, n) => workAt(atMs, `run-${n}`, "held", `mark-${n}`)),
  }).problems.join();

test("more steps at once than the key's limit are a problem, unless the engine that asked for some was killed", () => {
  expect(at(1_000, 1_001, 1_010)).toBe("");
  expect(at(1_000, 1_001, 1_002)).toContain("had 3 steps running");
  expect(at(49_998, 49_999, 50_001)).toBe("");
});
