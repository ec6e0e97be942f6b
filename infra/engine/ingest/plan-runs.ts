import { waitKey } from "../executor/wait-keys.ts";
import { matches } from "../expressions.ts";
import type { IncomingEvent } from "../protocol/events.ts";
import type { FunctionSpec } from "../protocol/functions.ts";
import { newId } from "../protocol/ids.ts";
import type { Registry } from "../registry.ts";
import { prioritySeconds, runKeys, startPartition } from "../scheduler/partitions.ts";
import {
  type Change,
  type EventRow,
  ItemKind,
  type QueueItem,
  type RunEntry,
  WaitKind,
} from "../state/rows.ts";
import { RunState } from "../state/run-state.ts";
import type { WaitedEvents } from "../state/waited-events.ts";

/** How the step ids of `cancelOn` begin; a real step's is 40 hexadecimal digits. */
export const CANCEL_ON = "cancelOn:";

const NO_FUNCTION = "00000000-0000-0000-0000-000000000000";

/** Runs that are to be started, and the change that makes them durable. */
export interface PlannedRuns {
  change: Required<Pick<Change, "events" | "runs">>;
  runs: { state: RunState }[];
  /** Items that come with the events, whether or not a run starts. */
  items: QueueItem[];
}

/** Which functions these events start; nothing is stored yet. */
export function planRuns(
  ports: { registry: Registry; waited: WaitedEvents },
  events: IncomingEvent[],
  nowMs: number,
): PlannedRuns {
  const planned: PlannedRuns = { ...noRuns(), change: { events: events.map(eventRow), runs: [] } };
  for (const event of events) {
    if (ports.waited.has(event.name)) planned.items.push(matchItem(event.internalId, nowMs));
    const started = new Set<string>();
    for (const { fn, expression } of ports.registry.forEvent(event.name)) {
      // A function with two triggers that both match still starts once.
      if (started.has(fn.id) || !matches(expression, { event: event.value })) continue;
      started.add(fn.id);
      for (const on of fn.cancelOn) ports.waited.add(on.event);
      addStart(planned, fn, event, nowMs, { dedupKey: event.hasOwnId ? event.eventId : null, parent: null });
    }
  }
  return planned;
}

/** Hands an event to the steps that wait for it; committed with the event, so that none is missed. */
function matchItem(internalId: string, nowMs: number): QueueItem {
  return {
    id: `match:${internalId}`,
    runId: "",
    fnId: NO_FUNCTION,
    partition: "",
    kind: ItemKind.match,
    stepId: internalId,
    attempt: 0,
    dueAtMs: nowMs,
    score: nowMs,
  };
}

export interface StartOptions {
  dedupKey: string | null;
  parent: { runId: string; stepId: string } | null;
  /** The run's id, when it has one already. */
  id?: string;
  /** The events after the first, of a batch. */
  more?: IncomingEvent[];
}

/** One run of one function for one event, or for several, of which the first decides on keys and priority. */
export function planRun(
  fn: FunctionSpec,
  event: IncomingEvent,
  nowMs: number,
  options: StartOptions,
): RunEntry & { state: RunState } {
  const facts = { event: event.value };
  const keys = runKeys(fn, facts);
  const id = options.id ?? newId(nowMs);
  const dueAtMs = Math.max(nowMs, event.tsMs);
  const { parent, dedupKey, more = [] } = options;
  const item = {
    id: "go",
    runId: id,
    fnId: fn.id,
    partition: startPartition(fn.id, keys),
    kind: ItemKind.start,
    stepId: null,
    attempt: 0,
    dueAtMs,
    score: dueAtMs - prioritySeconds(fn, facts) * 1_000,
  };
  const timer = (kind: number, timerId: string, stepId: string | null, atMs: number): QueueItem => ({
    ...item,
    id: timerId,
    partition: "",
    kind,
    stepId,
    dueAtMs: atMs,
    score: atMs,
  });
  const { startMs } = fn.timeouts;
  return {
    run: {
      id,
      fnId: fn.id,
      eventId: event.internalId,
      keys,
      queuedAtMs: nowMs,
      parentRunId: parent?.runId ?? null,
      parentStepId: parent?.stepId ?? null,
      dedupKey,
    },
    item,
    timers: [
      ...(startMs === null ? [] : [timer(ItemKind.startTimeout, "start", null, dueAtMs + startMs)]),
      ...fn.cancelOn.flatMap(({ timeoutMs }, index) =>
        timeoutMs === null
          ? []
          : [timer(ItemKind.waitTimeout, `w:${cancelId(index)}`, cancelId(index), nowMs + timeoutMs)],
      ),
    ],
    waits: fn.cancelOn.map((on, index) => ({
      runId: id,
      stepId: cancelId(index),
      kind: WaitKind.event,
      name: on.event,
      ...waitKey(on.expression, event.value),
      expression: on.expression,
      atMs: nowMs,
    })),
    gated: false,
    state: new RunState({
      id,
      fnId: fn.id,
      keys,
      queuedAtMs: nowMs,
      parent,
      events: [event, ...more].map(({ body }) => body),
      version: -1,
      ended: false,
      goQueued: true,
      started: false,
    }),
  };
}

/** What a run waits for in place of a step when an event may cancel it. */
function cancelId(index: number): string {
  return `${CANCEL_ON}${index}`;
}

/** An event on its way through the function's gates. The parent travels in the partition, which it does not use. */
function planCandidate(
  fn: FunctionSpec,
  event: IncomingEvent,
  nowMs: number,
  { dedupKey, parent }: StartOptions,
): RunEntry {
  const id = newId(nowMs);
  const dueAtMs = Math.max(nowMs, event.tsMs);
  return {
    run: {
      id,
      fnId: fn.id,
      eventId: event.internalId,
      keys: "",
      queuedAtMs: nowMs,
      parentRunId: parent?.runId ?? null,
      parentStepId: parent?.stepId ?? null,
      dedupKey,
    },
    item: {
      id: "go",
      runId: id,
      fnId: fn.id,
      partition: parent ? `${parent.runId} ${parent.stepId}` : "",
      kind: ItemKind.admit,
      stepId: event.internalId,
      attempt: 0,
      dueAtMs,
      score: dueAtMs,
    },
    timers: [],
    waits: [],
    gated: true,
  };
}

/** Adds a function's start for an event: a run, or the way through its gates to one. */
export function addStart(
  planned: PlannedRuns,
  fn: FunctionSpec,
  event: IncomingEvent,
  nowMs: number,
  options: StartOptions,
): void {
  if (fn.gates) planned.change.runs.push(planCandidate(fn, event, nowMs, options));
  else addRun(planned, planRun(fn, event, nowMs, options));
}

/** A plan with nothing in it. */
export function noRuns(): PlannedRuns {
  return { change: { events: [], runs: [] }, runs: [], items: [] };
}

/** Adds a planned run to a plan; its event is added by the caller. */
export function addRun(planned: PlannedRuns, entry: ReturnType<typeof planRun>): void {
  const { state, ...rest } = entry;
  planned.change.runs.push(rest);
  planned.runs.push({ state });
}

export function eventRow(event: IncomingEvent): EventRow {
  const { internalId, eventId, name, tsMs, body } = event;
  return { internalId, eventId, name, tsMs, body };
}
