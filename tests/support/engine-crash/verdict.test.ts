import { expect, test } from "vitest";
import { type Evidence, endOf } from "./evidence.ts";
import type { Fact } from "./ledger.ts";
import { callAt, NOTHING, runOf, sentAt, stepOf, workAt } from "./specimen.ts";
import { judge } from "./verdict.ts";

const MARK = "11111111-1111-4111-8111-111111111111";
const OTHER = "22222222-2222-4222-8222-222222222222";
const KILL = { victims: ["engine" as const], atMs: 1_500, deadMs: 1_510, upMs: 1_600 };

const run = runOf("one", 0, { id: "run-1", output: `["${MARK}"]`, ended_at_ms: 5_000 });
const notary = { ...run, id: "run-2", slug: "crash-notary", event: { data: { run_id: "run-1" } } };
const step = stepOf("run-1", "only", { step_id: "hash", memo: `{"data":"${MARK}"}`, at_ms: 3_000 });

/** One execution of the run's step, asked for at this instant. */
const executed = (atMs: number, mark: string) => workAt(atMs, "run-1", "only", mark);

const honest: Evidence = {
  ...NOTHING,
  sent: new Map([[0, sentAt("one", 900)]]),
  facts: executed(1_000, MARK),
  kills: [KILL],
  runs: [run, notary],
  steps: [step],
  seenEnded: new Map([["run-1", endOf(run)]]),
};

const problemsOf = (change: Partial<Evidence>) => judge({ ...honest, ...change }).problems.join("; ");

test("an honest engine has no problems, also when a kill made it ask twice for what was not recorded", () => {
  expect(judge(honest).problems).toEqual([]);
  const repeated = judge({ ...honest, facts: [...executed(1_000, OTHER), ...executed(2_000, MARK)] });
  expect(repeated.problems).toEqual([]);
  expect(repeated.figures.repeatedAroundKills).toBe(1);
});

test.each<[string, Partial<Evidence>, string]>([
  ["an accepted event without a run", { runs: [notary] }, "was accepted and started no run"],
  ["an event with two runs", { runs: [run, notary, { ...run, id: "run-3" }] }, "started 2 runs"],
  ["a run that goes on", { runs: [{ ...run, status: 0 }, notary] }, "ended with status 0"],
  ["a run whose end changed", { seenEnded: new Map([["run-1", "2 4000 {}"]]) }, "ended twice"],
  ["an end announced twice", { runs: [run, notary, { ...notary, id: "run-4" }] }, "announced 2 times"],
  ["an ended run that is gone", { seenEnded: new Map([["run-9", "1"]]) }, "is gone"],
  [
    "a step that ran twice with no kill in between",
    { facts: [...executed(1_000, OTHER), ...executed(1_100, MARK)] },
    "ran twice with no kill",
  ],
  [
    "a step that ran twice although only Postgres was killed",
    {
      facts: [...executed(1_000, OTHER), ...executed(2_000, MARK)],
      kills: [{ ...KILL, victims: ["postgres"] }],
    },
    "ran twice with no kill",
  ],
  [
    "a step asked for after its result was recorded",
    { facts: [...executed(1_000, MARK), ...executed(3_001, OTHER)] },
    "after its result was recorded",
  ],
  [
    "a result that was lost",
    {
      facts: [
        ...executed(1_000, MARK),
        callAt(1_200, "run-1", { carried: ["hash"] }),
        ...executed(2_000, OTHER),
      ],
    },
    "lost the result of step hash",
  ],
  [
    "a result that the function had gone on with, and that another replaced",
    {
      facts: [
        ...executed(1_000, OTHER),
        {
          ...(executed(1_000, OTHER)[1] as Extract<Fact, { kind: "start" }>),
          step: "next",
          mark: "next",
          seen: [OTHER],
        },
        ...executed(2_000, MARK),
      ],
    },
    "ran again after its function had gone on",
  ],
  ["a result of nobody", { facts: executed(1_000, OTHER) }, "a result that nobody returned"],
  [
    "an output that is not the recorded result",
    { runs: [{ ...run, output: `["${OTHER}"]` }, notary] },
    "another result",
  ],
])("%s is found", (_, change, problem) => {
  expect(problemsOf(change)).toContain(problem);
});
