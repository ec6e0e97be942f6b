import { runError } from "../protocol/errors.ts";
import { type IncomingEvent, internalEvent } from "../protocol/events.ts";
import type { FunctionSpec } from "../protocol/functions.ts";
import { newId } from "../protocol/ids.ts";
import { RunStatus } from "../state/rows.ts";
import type { RunState } from "../state/run-state.ts";
import type { Invocation } from "./decide.ts";

/** The events that tell of a run's end: `inngest/function.failed` for a failed one, `inngest/function.finished` for all. */
export function endEvents(
  fn: FunctionSpec,
  run: RunState,
  end: { status: number; output: string },
  nowMs: number,
): IncomingEvent[] {
  const triggers = run.events.map((event) => JSON.parse(event) as Record<string, unknown>);
  const failed = end.status === RunStatus.failed;
  const data = {
    _inngest: { status: failed ? "Failed" : "Completed" },
    ...(failed ? { error: runError(end.output) } : {}),
    event: triggers[0] ?? {},
    events: triggers.map(({ user: _user, ...event }) => event),
    function_id: fn.slug,
    result: JSON.parse(end.output),
    run_id: run.id,
  };
  const finished = internalEvent("inngest/function.finished", data, newId(nowMs), nowMs);
  // The real server gives the failure the run's own id.
  return failed ? [internalEvent("inngest/function.failed", data, run.id, nowMs), finished] : [finished];
}

/** The event of an invoked function. */
export function invokedEvent(
  fn: FunctionSpec,
  run: RunState,
  call: Invocation,
  nowMs: number,
): IncomingEvent {
  const data = {
    ...((call.payload.data as Record<string, unknown> | null | undefined) ?? {}),
    _inngest: {
      correlation_id: `${run.id}.${call.stepId}`,
      expire: call.deadlineMs,
      fn_id: call.functionSlug,
      name: call.name,
      source_app_id: fn.appId,
      source_fn_id: fn.id,
      source_fn_v: 1,
    },
  };
  return internalEvent("inngest/function.invoked", data, newId(nowMs), nowMs);
}
