import type {
  Change,
  EventRow,
  FailedAttemptRow,
  FinishRow,
  GateRow,
  QueueItem,
  RunEntry,
  RunEventRow,
  StepRow,
  WaitRow,
} from "./rows.ts";

/** Several changes made one, last word per row: what a single transaction writes. */
export interface Batch {
  events: EventRow[];
  runs: RunEntry[];
  /** Runs whose key another run of this very batch has taken. */
  droppedHere: Set<string>;
  steps: StepRow[];
  items: QueueItem[];
  removeItems: { runId: string; id: string }[];
  finishes: FinishRow[];
  versions: { runId: string; version: number }[];
  throttles: { key: string; tatMs: number }[];
  failedAttempts: FailedAttemptRow[];
  waits: WaitRow[];
  removeWaits: { runId: string; stepId: string }[];
  gates: GateRow[];
  runEvents: RunEventRow[];
  removeRunEvents: string[];
}

/** Merges changes in their order; Postgres refuses to touch a row twice in one statement. */
export function mergeChanges(changes: readonly Change[]): Batch {
  const events = new Map<string, EventRow>();
  const runs: Batch["runs"] = [];
  const keys = new Set<string>();
  const droppedHere = new Set<string>();
  const steps = new Map<string, StepRow>();
  const items = new Map<string, QueueItem | { runId: string; id: string; removed: true }>();
  const finishes = new Map<string, FinishRow>();
  const versions = new Map<string, number>();
  const throttles = new Map<string, number>();
  const waits = new Map<string, WaitRow | { runId: string; stepId: string; removed: true }>();
  const failedAttempts = new Map<string, FailedAttemptRow>();
  const gates = new Map<string, GateRow>();
  const runEvents = new Map<string, RunEventRow>();
  const duplicates = new Set<string>();
  for (const change of changes) {
    const mine = new Set<string>();
    for (const event of change.events ?? []) {
      if (events.has(event.internalId)) duplicates.add(event.internalId);
      else events.set(event.internalId, event);
      mine.add(event.internalId);
    }
    for (const entry of change.runs ?? []) {
      const key = `${entry.run.fnId} ${entry.run.dedupKey}`;
      const again = mine.has(entry.run.eventId) && duplicates.has(entry.run.eventId);
      if (again || (entry.run.dedupKey !== null && keys.has(key))) droppedHere.add(entry.run.id);
      else {
        runs.push(entry);
        if (entry.run.dedupKey !== null) keys.add(key);
      }
    }
    for (const step of change.steps ?? []) steps.set(`${step.runId} ${step.stepId}`, step);
    for (const item of change.items ?? []) items.set(`${item.runId} ${item.id}`, item);
    for (const item of change.removeItems ?? []) {
      items.set(`${item.runId} ${item.id}`, { ...item, removed: true });
    }
    for (const finish of change.finishes ?? [])
      if (!finishes.has(finish.runId)) finishes.set(finish.runId, finish);
    for (const { runId, version } of change.versions ?? []) versions.set(runId, version);
    for (const { key, tatMs } of change.throttles ?? []) throttles.set(key, tatMs);
    for (const failed of change.failedAttempts ?? [])
      failedAttempts.set(`${failed.runId} ${failed.stepId} ${failed.attempt}`, failed);
    for (const wait of change.waits ?? []) waits.set(`${wait.runId} ${wait.stepId}`, wait);
    for (const wait of change.removeWaits ?? [])
      waits.set(`${wait.runId} ${wait.stepId}`, { ...wait, removed: true });
    for (const gate of change.gates ?? []) gates.set(gate.key, gate);
    for (const row of change.runEvents ?? []) runEvents.set(`${row.runId} ${row.position}`, row);
  }
  const kept: QueueItem[] = [];
  const removed: { runId: string; id: string }[] = [];
  for (const item of items.values()) "removed" in item ? removed.push(item) : kept.push(item);
  const keptWaits: WaitRow[] = [];
  const removedWaits: { runId: string; stepId: string }[] = [];
  for (const wait of waits.values()) "removed" in wait ? removedWaits.push(wait) : keptWaits.push(wait);
  return {
    events: [...events.values()],
    runs,
    droppedHere,
    steps: [...steps.values()],
    items: kept,
    removeItems: removed,
    finishes: [...finishes.values()],
    versions: [...versions].map(([runId, version]) => ({ runId, version })),
    throttles: [...throttles].map(([key, tatMs]) => ({ key, tatMs })),
    failedAttempts: [...failedAttempts.values()],
    waits: keptWaits,
    removeWaits: removedWaits,
    gates: [...gates.values()],
    runEvents: [...runEvents.values()],
    removeRunEvents: changes.flatMap((change) => change.removeRunEvents ?? []),
  };
}
