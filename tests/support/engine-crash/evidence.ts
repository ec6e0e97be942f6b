import { decodeTime } from "ulid";
import { APP_ID } from "./kinds.ts";
import type { Fact } from "./ledger.ts";
import type { Sent, SentSignal } from "./load.ts";
import type { Kill } from "./world.ts";

/** A run as the engine's tables have it at the end. */
export interface RunRow {
  id: string;
  slug: string;
  status: number;
  output: string | null;
  /** When it was made. */
  queued_at_ms: number;
  ended_at_ms: number | null;
  parent_run_id: string | null;
  /** The first of its events. */
  event: { data: { n?: number; key?: string; run_id?: string } };
}

export interface StepRow {
  run_id: string;
  step_id: string;
  name: string;
  memo: string | null;
  /** Just before the commit that first told of it. */
  started_at_ms: number;
  /** Just before the commit of its result. */
  at_ms: number;
}

export interface Evidence {
  sent: ReadonlyMap<number, Sent>;
  signals: ReadonlyMap<number, SentSignal>;
  facts: readonly Fact[];
  kills: readonly Kill[];
  runs: readonly RunRow[];
  steps: readonly StepRow[];
  /** Ended runs as they were seen between the rounds: run id to status, output and end. */
  seenEnded: ReadonlyMap<string, string>;
}

/** What a rule found: sentences about what went wrong, and how often what it is about came up. */
export interface Finding {
  problems: string[];
  figures: Record<string, number>;
}

/** One time that a step's code ran. */
export interface Execution {
  run: string;
  step: string;
  attempt: number;
  mark: string;
  request: string;
  /** When the engine made the call that asked for it. */
  askedAtMs: number;
  startMs: number;
  endMs: number | null;
  threw: boolean;
}

export const endOf = (run: RunRow): string => `${run.status} ${run.ended_at_ms} ${run.output}`;

/** The runs of one function. */
export function runsOf({ runs }: Evidence, name: string): RunRow[] {
  return runs.filter((run) => run.slug === `${APP_ID}-${name}`);
}

/** The events of one kind, with their numbers. */
export function eventsOf({ sent }: Evidence, kind: Sent["kind"]): (Sent & { n: number })[] {
  return [...sent].flatMap(([n, event]) => (event.kind === kind ? [{ n, ...event }] : []));
}

/** When the engine made its calls of each run, in order of time. */
export function callsOf({ facts }: Evidence): Map<string, number[]> {
  const calls = new Map<string, number[]>();
  for (const fact of facts)
    if (fact.kind === "call") calls.set(fact.run, [...(calls.get(fact.run) ?? []), decodeTime(fact.request)]);
  for (const times of calls.values()) times.sort((a, b) => a - b);
  return calls;
}

export function executionsOf({ facts }: Evidence): Execution[] {
  const ends = new Map(
    facts.flatMap((fact) => (fact.kind === "end" || fact.kind === "threw" ? [[fact.mark, fact]] : [])),
  );
  return facts.flatMap((fact) => {
    if (fact.kind !== "start") return [];
    const { run, step, attempt, mark, request, atMs } = fact;
    const end = ends.get(mark);
    return [
      {
        ...{ run, step, attempt, mark, request },
        askedAtMs: decodeTime(request),
        startMs: atMs,
        endMs: end?.atMs ?? null,
        threw: end?.kind === "threw",
      },
    ];
  });
}

/** Whether the engine had certainly taken one event before the other came. */
export function surelyBefore(one: Sent, other: Sent): boolean {
  return one.acceptedAtMs !== null && one.acceptedAtMs < other.sentAtMs;
}

/** How long nothing was down from one instant to another. */
export function uptimeMs(kills: readonly Kill[], fromMs: number, toMs: number): number {
  const down = kills.map(({ atMs, upMs }) => Math.max(0, Math.min(upMs, toMs) - Math.max(atMs, fromMs)));
  return toMs - fromMs - down.reduce((sum, ms) => sum + ms, 0);
}
