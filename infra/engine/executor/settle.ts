import { addStart, eventRow, noRuns, type PlannedRuns, planRuns } from "../ingest/plan-runs.ts";
import { startRuns } from "../ingest/start-runs.ts";
import type { Metrics } from "../metrics.ts";
import { canonicalJson } from "../protocol/canonical-json.ts";
import type { FunctionSpec } from "../protocol/functions.ts";
import type { Registry } from "../registry.ts";
import { type Change, type QueueItem, RunStatus, WaitKind } from "../state/rows.ts";
import type { RunState } from "../state/run-state.ts";
import type { Runs } from "../state/runs.ts";
import type { WaitedEvents } from "../state/waited-events.ts";
import type { Writer } from "../state/writer.ts";
import { type Decision, goOn, type Invocation } from "./decide.ts";
import { endError, endEventNames, endEvents, invokedEvent } from "./run-events.ts";

export interface SettlePorts {
  registry: Registry;
  runs: Runs;
  writer: Writer;
  waited: WaitedEvents;
  metrics: Metrics;
}

/**
 * Makes a decision durable in one commit, with all that follows from it: invoked functions start, the end of a
 * run wakes the run that invoked it and starts its failure handler. Returns the items to do next.
 * `parent` is the invoking run, held in memory by the caller, when the run has one.
 */
export async function settleDecision(
  ports: SettlePorts,
  facts: { fn: FunctionSpec; run: RunState; parent: RunState | null; item: QueueItem; nowMs: number },
  decision: Decision,
): Promise<QueueItem[]> {
  const { fn, run, nowMs } = facts;
  const change: Change & { steps: NonNullable<Change["steps"]>; items: QueueItem[] } = {
    steps: [...decision.steps],
    items: [...decision.items],
  };
  if (decision.version !== null) change.versions = [{ runId: run.id, version: decision.version }];
  change.waits = decision.waits;
  change.failedAttempts = decision.failedAttempts;
  change.removeWaits = decision.replacedWaits;
  for (const wait of decision.waits) if (wait.kind === WaitKind.event) ports.waited.add(wait.name);
  if (decision.itemDone) change.removeItems = [{ runId: run.id, id: facts.item.id }];
  let planned: PlannedRuns = noRuns();
  for (const call of decision.invocations) invoke(ports, facts, call, change, planned);
  // An invoke that fails at once lets the run go on at once: then its item is replaced, not removed.
  if (change.items.some((item) => item.id === facts.item.id)) delete change.removeItems;
  if (decision.end) {
    ports.metrics.run(fn.slug, decision.end.status === RunStatus.completed ? "completed" : "failed");
    change.finishes = [{ runId: run.id, ...decision.end }];
    planned = planEnd(ports, fn, run, decision.end, nowMs);
    if (facts.parent) wakeParent(facts.parent, run, decision.end, nowMs, change);
  }
  const started = await startRuns(ports, planned, change);
  return [...change.items, ...started];
}

function invoke(
  ports: SettlePorts,
  facts: { fn: FunctionSpec; run: RunState; nowMs: number },
  call: Invocation,
  change: { steps: NonNullable<Change["steps"]>; items: QueueItem[] },
  planned: PlannedRuns,
): void {
  const { run, fn, nowMs } = facts;
  const target = ports.registry.bySlug(call.functionSlug);
  if (!target) {
    const message = `could not find function with ID: ${call.functionSlug}`;
    const error = { error: message, message, name: "Error", stack: "" };
    finishStep(run, call.stepId, canonicalJson({ error }), nowMs, change);
    return;
  }
  const event = invokedEvent(fn, run, call, nowMs);
  planned.change.events.push(eventRow(event));
  addStart(planned, target, event, nowMs, {
    dedupKey: null,
    parent: { runId: run.id, stepId: call.stepId },
  });
}

/** Only events that start something are stored: a finished run is no event to most. */
export function planEnd(
  ports: SettlePorts,
  fn: FunctionSpec,
  run: RunState,
  end: { status: number; output: string },
  nowMs: number,
): PlannedRuns {
  if (!endEventNames(end.status).some((name) => isListened(ports, name))) return noRuns();
  const events = endEvents(fn, run, end, nowMs);
  const planned = planRuns(ports, events, nowMs);
  const used = new Set([
    ...planned.change.runs.map((entry) => entry.run.eventId),
    ...planned.items.map((item) => item.stepId),
  ]);
  planned.change.events = events.filter((event) => used.has(event.internalId)).map(eventRow);
  return planned;
}

function isListened(ports: SettlePorts, name: string): boolean {
  return ports.registry.forEvent(name).length > 0 || ports.waited.has(name);
}

export function wakeParent(
  parent: RunState,
  run: RunState,
  end: { status: number; output: string },
  nowMs: number,
  change: { steps: NonNullable<Change["steps"]>; items: QueueItem[] },
): void {
  const error = endError(end);
  const memo = error ? canonicalJson({ error }) : `{"data":${end.output}}`;
  if (!parent.ended) finishStep(parent, run.parent?.stepId ?? "", memo, nowMs, change);
}

/** Memoizes a step that ended outside its app, and lets the run go on when nothing else is pending. */
export function finishStep(
  run: RunState,
  stepId: string,
  memo: string,
  nowMs: number,
  change: { steps: NonNullable<Change["steps"]>; items: QueueItem[] },
): void {
  const known = run.steps.get(stepId);
  const row = known ? run.finish(stepId, memo, known.op, known.name) : null;
  if (!row) return;
  change.steps.push(row);
  if (run.hasPending && run.version !== 1) return;
  const item = goOn(run, nowMs);
  if (item) change.items.push(item);
}
