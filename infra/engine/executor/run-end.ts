import { planRuns } from "../ingest/plan-runs.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { canonicalJson } from "../protocol/canonical-json.ts";
import type { Registry } from "../registry.ts";
import { type CommitPorts, commitChange } from "../state/commit-change.ts";
import { type Change, emptyChange, type QueueItem, RunStatus } from "../state/rows.ts";
import type { RunState } from "../state/run-state.ts";
import { endError, endEventNames, endEvents, type RunEnd } from "./run-events.ts";

export interface EndPorts extends CommitPorts {
  registry: Registry;
  metrics: Metrics;
}

export interface CancelPorts extends EndPorts {
  /** Takes the run's waiting items out of the queue in memory, before they take a throttle's or a slot's place. */
  forget: (runId: string) => void;
  log: Log;
}

/**
 * Adds to a change that a run has ended, and what follows from it: the run that invoked it goes on, and whoever
 * listens is told. `parent` is the invoking run, held in memory by the caller, when the run has one.
 */
export function endRun(
  ports: EndPorts,
  run: RunState,
  parent: RunState | null,
  end: RunEnd,
  nowMs: number,
  change: Change,
): void {
  const fn = ports.registry.byId(run.fnId);
  change.finishes.push({ runId: run.id, ...end });
  const error = endError(end);
  const memo = error ? canonicalJson({ error }) : `{"data":${end.output}}`;
  parent?.finishPlanned(run.parent?.stepId ?? "", memo, nowMs, change);
  const isListened = (name: string): boolean =>
    ports.registry.forEvent(name).length > 0 || ports.waited.has(name);
  // Only events of which something comes are stored: a finished run is no event to most.
  if (fn && endEventNames(end.status).some(isListened))
    change.events.push(...planRuns(ports, endEvents(fn, run, end, nowMs), nowMs, change, fn));
}

/**
 * Ends a run as cancelled, exactly once, whatever it is doing; null when there is no such run or it has ended.
 * A request that is under way may finish, and its result is dropped. Resolves when the end is durable, with the
 * items to do next: whoever listens to `inngest/function.cancelled` and `.finished`, and the run that invoked it.
 */
export async function cancelRun(
  ports: CancelPorts,
  runId: string,
  reason: string,
): Promise<QueueItem[] | null> {
  const run = await ports.runs.acquire(runId);
  if (!run) return null;
  const parent = run.parent ? await ports.runs.acquire(run.parent.runId) : null;
  try {
    if (run.ended) return null;
    run.ended = true;
    run.go = "none";
    ports.forget(runId);
    const change = emptyChange();
    endRun(ports, run, parent, { status: RunStatus.cancelled, output: "{}" }, Date.now(), change);
    const slug = ports.registry.byId(run.fnId)?.slug;
    ports.metrics.runs.inc({ function: slug ?? run.fnId, event: "cancelled" });
    ports.log.info({ fn: slug, runId, reason }, "a run was cancelled");
    return await commitChange(ports, change);
  } finally {
    if (parent) ports.runs.release(parent);
    ports.runs.release(run);
  }
}
