import { matches } from "../expressions.ts";
import type { IncomingEvent } from "../protocol/events.ts";
import type { FunctionSpec } from "../protocol/functions.ts";
import { newId } from "../protocol/ids.ts";
import type { Registry } from "../registry.ts";
import { prioritySeconds, runKeys, startPartition } from "../scheduler/partitions.ts";
import { type Change, type EventRow, ItemKind, type QueueItem, type RunRow } from "../state/rows.ts";
import { RunState } from "../state/run-state.ts";

/** Runs that are to be started, and the change that makes them durable. */
export interface PlannedRuns {
  change: Required<Pick<Change, "events" | "runs">>;
  runs: { state: RunState; item: QueueItem }[];
}

/** Which functions these events start; nothing is stored yet. */
export function planRuns(registry: Registry, events: IncomingEvent[], nowMs: number): PlannedRuns {
  const planned: PlannedRuns = { change: { events: events.map(eventRow), runs: [] }, runs: [] };
  for (const event of events) {
    const started = new Set<string>();
    for (const { fn, expression } of registry.forEvent(event.name)) {
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
  return { change: { events: [], runs: [] }, runs: [] };
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
