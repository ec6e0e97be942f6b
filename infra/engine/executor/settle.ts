import { addStart } from "../ingest/plan-runs.ts";
import { invokeErrorMemo } from "../protocol/errors.ts";
import type { FunctionSpec } from "../protocol/functions.ts";
import { commitChange } from "../state/commit-change.ts";
import { type Change, type QueueItem, RunStatus } from "../state/rows.ts";
import type { RunState } from "../state/run-state.ts";
import type { Decision } from "./decide.ts";
import { type EndPorts, endRun } from "./run-end.ts";
import { type Invocation, invokedEvent } from "./run-events.ts";

/**
 * Makes a decision durable in one commit, with all that follows from it: invoked functions start, the end of a
 * run wakes the run that invoked it (`parent`, held in memory by the caller) and starts its failure handler.
 * Returns the items to do next.
 */
export async function settleDecision(
  ports: EndPorts,
  { fn, run, parent }: { fn: FunctionSpec; run: RunState; parent: RunState | null },
  { change, invocations, end }: Decision,
  nowMs: number,
): Promise<QueueItem[]> {
  for (const call of invocations) invoke(ports, fn, run, call, nowMs, change);
  if (end) {
    const event = end.status === RunStatus.completed ? "completed" : "failed";
    ports.metrics.runs.inc({ function: fn.slug, event });
    endRun(ports, run, parent, end, nowMs, change);
  }
  return await commitChange(ports, change);
}

function invoke(
  ports: EndPorts,
  fn: FunctionSpec,
  run: RunState,
  call: Invocation,
  nowMs: number,
  change: Change,
): void {
  const target = ports.registry.bySlug(call.functionSlug);
  if (!target) {
    const message = `could not find function with ID: ${call.functionSlug}`;
    run.finishPlanned(call.stepId, invokeErrorMemo(message, message, "Error"), nowMs, change);
    return;
  }
  const event = invokedEvent(fn, run, call, nowMs);
  change.events.push(event);
  addStart(change, target, event, nowMs, { parent: { runId: run.id, stepId: call.stepId } });
}
