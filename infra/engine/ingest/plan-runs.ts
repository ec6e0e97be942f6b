import { matches } from "../expressions.ts";
import type { IncomingEvent } from "../protocol/events.ts";
import type { FunctionSpec } from "../protocol/functions.ts";
import { newId } from "../protocol/ids.ts";
import type { Registry } from "../registry.ts";
import { prioritySeconds, runKeys, startPartition } from "../scheduler/partitions.ts";
import { type Change, type EventRow, ItemKind, type QueueItem, type RunRow } from "../state/rows.ts";
import { RunState } from "../state/run-state.ts";
import type { WaitedEvents } from "../state/waited-events.ts";

const NO_FUNCTION = "00000000-0000-0000-0000-000000000000";

/** Runs that are to be started, and the change that makes them durable. */
export interface PlannedRuns {
  change: Required<Pick<Change, "events" | "runs">>;
  runs: { state: RunState; item: QueueItem }[];
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
      addRun(
        planned,
        planRun(fn, event, nowMs, { dedupKey: event.hasOwnId ? event.eventId : null, parent: null }),
      );
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

/** One run of one function for one event. */
export function planRun(
  fn: FunctionSpec,
  event: IncomingEvent,
  nowMs: number,
  options: { dedupKey: string | null; parent: { runId: string; stepId: string } | null },
): { run: RunRow; item: QueueItem; state: RunState } {
  const facts = { event: event.value };
  const keys = runKeys(fn, facts);
  const id = newId(nowMs);
  const dueAtMs = Math.max(nowMs, event.tsMs);
  const { parent, dedupKey } = options;
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
    item: {
      id: "go",
      runId: id,
      fnId: fn.id,
      partition: startPartition(fn.id, keys),
      kind: ItemKind.start,
      stepId: null,
      attempt: 0,
      dueAtMs,
      score: dueAtMs - prioritySeconds(fn, facts) * 1_000,
    },
    state: new RunState({
      id,
      fnId: fn.id,
      keys,
      queuedAtMs: nowMs,
      parent,
      events: [event.body],
      version: -1,
      ended: false,
      goQueued: true,
    }),
  };
}

/** A plan with nothing in it. */
export function noRuns(): PlannedRuns {
  return { change: { events: [], runs: [] }, runs: [], items: [] };
}

/** Adds a planned run to a plan; its event is added by the caller. */
export function addRun(planned: PlannedRuns, entry: ReturnType<typeof planRun>): void {
  planned.change.runs.push({ run: entry.run, item: entry.item });
  planned.runs.push({ state: entry.state, item: entry.item });
}

export function eventRow(event: IncomingEvent): EventRow {
  const { internalId, eventId, name, tsMs, body } = event;
  return { internalId, eventId, name, tsMs, body };
}
