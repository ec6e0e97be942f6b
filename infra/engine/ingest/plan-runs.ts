import { waitKey } from "../executor/wait-keys.ts";
import { matches } from "../expressions.ts";
import type { IncomingEvent } from "../protocol/events.ts";
import type { FunctionSpec } from "../protocol/functions.ts";
import { newId } from "../protocol/ids.ts";
import type { Registry } from "../registry.ts";
import { prioritySeconds, runKeys, startPartition } from "../scheduler/partitions.ts";
import {
  type Change,
  ItemKind,
  type QueueItem,
  queueItem,
  type RunEntry,
  type RunRow,
  stepItemId,
  WaitKind,
} from "../state/rows.ts";
import { RunState } from "../state/run-state.ts";
import type { WaitedEvents } from "../state/waited-events.ts";

/** How the step ids of `cancelOn` begin; a real step's is 40 hexadecimal digits. */
export const CANCEL_ON = "cancelOn:";

const NO_FUNCTION = "00000000-0000-0000-0000-000000000000";

export interface StartOptions {
  /** The event id that starts the function at most once in 24 hours. */
  dedupKey?: string | null;
  /** The step that invokes the function. */
  parent?: { runId: string; stepId: string } | null;
  /** The run's id, when it has one already. */
  id?: string;
  /** The events after the first, of a batch. */
  more?: IncomingEvent[];
}

/**
 * Adds to a change what these events start: runs, and the search for the steps that wait for them. Returns the
 * events of which something comes; storing them is the caller's. `source` is the function that an event tells
 * of: its own end never starts it anew.
 */
export function planRuns(
  ports: { registry: Registry; waited: WaitedEvents },
  events: IncomingEvent[],
  nowMs: number,
  change: Change,
  source: FunctionSpec | null = null,
): IncomingEvent[] {
  return events.filter((event) => {
    const awaited = ports.waited.has(event.name);
    if (awaited) change.items.push(matchItem(event.internalId, nowMs));
    const started = new Set<string>();
    for (const { fn, expression } of ports.registry.forEvent(event.name)) {
      // A function with two triggers that both match still starts once.
      if (fn.id === source?.id || started.has(fn.id) || !matches(expression, { event: event.value }))
        continue;
      started.add(fn.id);
      for (const on of fn.cancelOn) ports.waited.add(on.event);
      addStart(change, fn, event, nowMs, { dedupKey: event.hasOwnId ? event.eventId : null });
    }
    return awaited || started.size > 0;
  });
}

/** Hands an event to the steps that wait for it; committed with the event, so that none is missed. */
function matchItem(internalId: string, nowMs: number): QueueItem {
  const id = `match:${internalId}`;
  return queueItem({ id, fnId: NO_FUNCTION, kind: ItemKind.match, stepId: internalId, dueAtMs: nowMs });
}

/** Adds a function's start for an event: a run, or the way through its gates to one. */
export function addStart(
  change: Change,
  fn: FunctionSpec,
  event: IncomingEvent,
  nowMs: number,
  options: StartOptions,
): void {
  change.runs.push((fn.gates ? planCandidate : planRun)(fn, event, nowMs, options));
}

/** One run of one function for one event, or for several, of which the first decides on keys and priority. */
export function planRun(
  fn: FunctionSpec,
  event: IncomingEvent,
  nowMs: number,
  options: StartOptions,
): RunEntry & { state: RunState } {
  const facts = { event: event.value };
  const run = runRow(fn, event, nowMs, options, runKeys(fn, facts));
  const dueAtMs = Math.max(nowMs, event.tsMs);
  const timer = (id: string, kind: number, atMs: number, stepId: string | null): QueueItem =>
    queueItem({ id, runId: run.id, fnId: fn.id, kind, stepId, dueAtMs: atMs });
  const { startMs } = fn.timeouts;
  const timers = startMs === null ? [] : [timer("start", ItemKind.startTimeout, dueAtMs + startMs, null)];
  for (const [index, { timeoutMs }] of fn.cancelOn.entries()) {
    const stepId = `${CANCEL_ON}${index}`;
    const id = stepItemId(ItemKind.waitTimeout, stepId);
    if (timeoutMs !== null) timers.push(timer(id, ItemKind.waitTimeout, nowMs + timeoutMs, stepId));
  }
  return {
    run,
    item: queueItem({
      id: "go",
      runId: run.id,
      fnId: fn.id,
      partition: startPartition(fn.id, run.keys),
      kind: ItemKind.start,
      dueAtMs,
      score: dueAtMs - prioritySeconds(fn, facts) * 1_000,
    }),
    timers,
    waits: fn.cancelOn.map((on, index) => ({
      runId: run.id,
      stepId: `${CANCEL_ON}${index}`,
      kind: WaitKind.event,
      name: on.event,
      ...waitKey(on.expression, event.value),
      expression: on.expression,
      atMs: nowMs,
    })),
    state: new RunState({
      id: run.id,
      fnId: fn.id,
      keys: run.keys,
      parent: options.parent ?? null,
      events: [event, ...(options.more ?? [])].map(({ body }) => body),
      version: -1,
      ended: false,
      goQueued: true,
      called: false,
    }),
  };
}

/** An event on its way through the function's gates. The parent travels in the partition, which it does not use. */
function planCandidate(
  fn: FunctionSpec,
  event: IncomingEvent,
  nowMs: number,
  options: StartOptions,
): RunEntry {
  const run = runRow(fn, event, nowMs, options, "");
  const item = queueItem({
    id: "go",
    runId: run.id,
    fnId: fn.id,
    partition: options.parent ? `${options.parent.runId} ${options.parent.stepId}` : "",
    kind: ItemKind.admit,
    stepId: event.internalId,
    dueAtMs: Math.max(nowMs, event.tsMs),
  });
  return { run, item, timers: [], waits: [], state: null };
}

function runRow(
  fn: FunctionSpec,
  event: IncomingEvent,
  nowMs: number,
  { id = newId(nowMs), parent = null, dedupKey = null }: StartOptions,
  keys: string,
): RunRow {
  return {
    id,
    fnId: fn.id,
    eventId: event.internalId,
    keys,
    queuedAtMs: nowMs,
    parentRunId: parent?.runId ?? null,
    parentStepId: parent?.stepId ?? null,
    dedupKey,
  };
}
