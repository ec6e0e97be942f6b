import { ulid } from "ulid";
import type { Evidence, RunRow, StepRow } from "./evidence.ts";
import { APP_ID, STATUS } from "./kinds.ts";
import type { Fact } from "./ledger.ts";
import type { Sent } from "./load.ts";

/** Evidence of nothing at all, for the tests of rules to add to. */
export const NOTHING: Evidence = {
  sent: new Map(),
  signals: new Map(),
  facts: [],
  kills: [],
  runs: [],
  steps: [],
  seenEnded: new Map(),
};

/** An event of the key "k" that was sent and accepted at once. */
export function sentAt(kind: Sent["kind"], atMs: number, change: Partial<Sent> = {}): Sent {
  return { kind, key: "k", sentAtMs: atMs, acceptedAtMs: atMs + 10, ...change };
}

/** The completed run "run-<n>" of event n of the key "k". */
export function runOf(name: string, n: number, change: Partial<RunRow> = {}): RunRow {
  return {
    id: `run-${n}`,
    slug: `${APP_ID}-${name}`,
    status: STATUS.completed,
    output: "[]",
    queued_at_ms: 0,
    ended_at_ms: 100_000,
    parent_run_id: null,
    event: { data: { n, key: "k" } },
    ...change,
  };
}

export function stepOf(runId: string, name: string, change: Partial<StepRow> = {}): StepRow {
  return { run_id: runId, step_id: name, name, memo: null, started_at_ms: 0, at_ms: 0, ...change };
}

type Call = Extract<Fact, { kind: "call" }>;

export function callAt(atMs: number, run: string, change: Partial<Call> = {}): Call {
  return { kind: "call", request: ulid(atMs), run, carried: [], events: [], ...change };
}

/** A call at this instant in which the code of a step ran, from 5 to 10 ms after it. */
export function workAt(
  atMs: number,
  run: string,
  step: string,
  mark: string,
  carried: string[] = [],
): Fact[] {
  const call = callAt(atMs, run, { carried });
  const { request } = call;
  return [
    call,
    { kind: "start", request, run, step, attempt: 0, mark, seen: [], atMs: atMs + 5 },
    { kind: "end", mark, atMs: atMs + 10 },
  ];
}
