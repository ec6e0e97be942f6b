import { runError } from "../protocol/errors.ts";
import { type IncomingEvent, internalEvent } from "../protocol/events.ts";
import type { FunctionSpec } from "../protocol/functions.ts";
import { newId } from "../protocol/ids.ts";
import { RunStatus } from "../state/rows.ts";
import type { RunState } from "../state/run-state.ts";

/** How a run ended: its status, and its output in JSON. */
export interface RunEnd {
  status: number;
  output: string;
}

/** A step that calls another function; it becomes a run of that function. */
export interface Invocation {
  stepId: string;
  name: string;
  functionSlug: string;
  payload: Record<string, unknown>;
  deadlineMs: number;
}

const FINISHED = "inngest/function.finished";
const FAILED = "inngest/function.failed";

/** The status of an ended run in its events, and the event of its own that tells of it. */
const ENDS: Record<number, { status: string; event: string | null }> = {
  [RunStatus.completed]: { status: "Completed", event: null },
  [RunStatus.failed]: { status: "Failed", event: FAILED },
  [RunStatus.cancelled]: { status: "Cancelled", event: "inngest/function.cancelled" },
};
const CANCELLED = { error: "function cancelled", message: "function cancelled", name: "Error" };

/** What a run's end is called: `inngest/function.failed` or `.cancelled`, and `.finished` for all. */
export function endEventNames(status: number): string[] {
  return [ENDS[status]?.event, FINISHED].filter((name) => typeof name === "string");
}

/** The error that a run's end hands to whoever listens or invoked it; null when it completed. */
export function endError(end: RunEnd): Record<string, unknown> | null {
  if (end.status === RunStatus.cancelled) return CANCELLED;
  return end.status === RunStatus.failed ? runError(end.output) : null;
}

/**
 * The events that tell of a run's end, by the names of `endEventNames`. Nothing tells of the end of a run that
 * another's end or failure started, as with a real server (its `Finalize`): two functions that listen to all ends
 * would start each other for ever.
 */
export function endEvents(fn: FunctionSpec, run: RunState, end: RunEnd, nowMs: number): IncomingEvent[] {
  const triggers = run.events.map((event) => JSON.parse(event) as Record<string, unknown>);
  if (triggers[0]?.name === FINISHED || triggers[0]?.name === FAILED) return [];
  const error = endError(end);
  const data = {
    _inngest: { status: ENDS[end.status]?.status },
    ...(error ? { error } : {}),
    event: triggers[0] ?? {},
    events: triggers.map(({ user: _user, ...event }) => event),
    function_id: fn.slug,
    result: JSON.parse(end.output),
    run_id: run.id,
  };
  // The real server gives the event of a failure the run's own id.
  return endEventNames(end.status).map((name, index, names) =>
    internalEvent(name, data, names.length > 1 && index === 0 ? run.id : newId(nowMs), nowMs),
  );
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
