import { callsOf, type Evidence, type RunRow, runsOf } from "../evidence.ts";
import type { Kind } from "../kinds.ts";

/** How the wait of a run ended, as the engine recorded it. */
export interface WaitEnd {
  run: RunRow;
  /** The number of what it ended with; null when it ended by its timeout. */
  with: number | null;
  /** It began between these: after the call that asked for it was made, and before it was recorded. */
  fromMs: number;
  beganMs: number;
  endedAtMs: number;
}

/**
 * The ended waits of one kind of run, each of which has one step called "wait". Whatever the function went on with
 * after its wait must be what the engine recorded, each time.
 */
export function readWaitEnds(evidence: Evidence, kind: Kind, problems: string[]): WaitEnd[] {
  const calls = callsOf(evidence);
  const steps = new Map(
    evidence.steps.flatMap((step) => (step.name === "wait" ? [[step.run_id, step]] : [])),
  );
  const woken = Map.groupBy(
    evidence.facts.filter((fact) => fact.kind === "woke"),
    (fact) => fact.run,
  );
  return runsOf(evidence, kind).flatMap((run): WaitEnd[] => {
    const step = steps.get(run.id);
    if (!step || step.memo === null) {
      problems.push(`run ${run.id} (${run.slug}) never came to the end of its wait`);
      return [];
    }
    const number = numberIn(JSON.parse(step.memo));
    const others = (woken.get(run.id) ?? []).filter((fact) => fact.with !== number);
    if (others[0])
      problems.push(`run ${run.id} (${run.slug}) went on with ${others[0].with}, recorded is ${number}`);
    // The last call before the wait was recorded is the one that asked for it: a run's calls follow each other.
    const fromMs = calls.get(run.id)?.findLast((atMs) => atMs <= step.started_at_ms) ?? run.queued_at_ms;
    return [{ run, with: number, fromMs, beganMs: step.started_at_ms, endedAtMs: step.at_ms }];
  });
}

/** The number in an event, or in a signal, which is wrapped twice. */
function numberIn(memo: unknown): number | null {
  const { data } = (memo ?? {}) as { data?: { n?: number; data?: { n?: number } } };
  return data?.n ?? data?.data?.n ?? null;
}
