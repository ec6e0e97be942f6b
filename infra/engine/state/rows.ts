import type { RunState } from "./run-state.ts";
import type { EVENT, FAILED_ATTEMPT, GATE, QUEUE_ITEM, RowOf, RUN, RUN_EVENT, STEP, WAIT } from "./tables.ts";

/** What a queue item asks for. Kinds from 3 on are timers: they are handled inside the engine. */
export const ItemKind = {
  start: 0,
  goOn: 1,
  step: 2,
  sleep: 3,
  invokeTimeout: 4,
  cron: 5,
  /** Hands an event to the steps that wait for it. */
  match: 6,
  /** The end of a wait that nothing came for. */
  waitTimeout: 7,
  /** An event that passes a function's gates before a run is made of it; `runId` is the coming run's. */
  admit: 8,
  /** A debounce or a batch comes due; `stepId` is the gate's key. */
  gate: 9,
  /** The run has not been started in time, or goes on for too long. */
  startTimeout: 10,
  finishTimeout: 11,
} as const;

/** How the ids of the items of a step begin. */
export const STEP_ITEMS = {
  [ItemKind.step]: "s",
  [ItemKind.sleep]: "z",
  [ItemKind.invokeTimeout]: "i",
  [ItemKind.waitTimeout]: "w",
} as const;

/** The id of the item that goes on with a step of a run. */
export function stepItemId(kind: keyof typeof STEP_ITEMS, stepId: string): string {
  return `${STEP_ITEMS[kind]}:${stepId}`;
}

/** A durable piece of work. It stays in the database until the commit that records what came of it. */
export type QueueItem = Omit<RowOf<typeof QUEUE_ITEM>, "delayed">;

/** An item in order of its due time; what it does not name is "" or null, and it has not failed yet. */
export function queueItem(
  item: Pick<QueueItem, "id" | "fnId" | "kind" | "dueAtMs"> & Partial<QueueItem>,
): QueueItem {
  return { runId: "", partition: "", stepId: null, attempt: 0, score: item.dueAtMs, ...item };
}

export type EventRow = RowOf<typeof EVENT>;

/** The run's key is the event id that its function must not take a second time within 24 hours; null for none. */
export type RunRow = RowOf<typeof RUN> & { dedupKey: string | null };

export type StepRow = Omit<RowOf<typeof STEP>, "atMs">;

/** An attempt that failed and is made again; `stepId` "" for the function itself. */
export type FailedAttemptRow = RowOf<typeof FAILED_ATTEMPT>;

export const WaitKind = { event: 0, signal: 1 } as const;

/** A step that waits for an event or a signal. */
export type WaitRow = RowOf<typeof WAIT>;

/** What a gate or a throttle remembers of one key. */
export type GateRow = RowOf<typeof GATE>;

/** One of several events of a run that is, or will be, made of them. */
export type RunEventRow = RowOf<typeof RUN_EVENT>;

export const RunStatus = { active: 0, completed: 1, failed: 2, cancelled: 3 } as const;

export interface FinishRow {
  runId: string;
  status: number;
  /** JSON. */
  output: string;
}

/** A run to be started, with the items that start and end it, and the events that may (`cancelOn`). */
export interface RunEntry {
  run: RunRow;
  item: QueueItem;
  timers: QueueItem[];
  waits: WaitRow[];
  /** Null while it is not a run yet: then only its key is taken, and the item decides what becomes of it. */
  state: RunState | null;
}

/** One atomic change: all of it is durable, or none. Rows with the same key replace what stood there. */
export interface Change {
  events: EventRow[];
  /** A run whose key is taken, or whose event was stored before, is dropped with all that comes with it. */
  runs: RunEntry[];
  steps: StepRow[];
  items: QueueItem[];
  removeItems: Pick<QueueItem, "runId" | "id">[];
  waits: WaitRow[];
  removeWaits: Pick<WaitRow, "runId" | "stepId">[];
  failedAttempts: FailedAttemptRow[];
  gates: GateRow[];
  runEvents: RunEventRow[];
  versions: { runId: string; version: number }[];
  finishes: FinishRow[];
  /** What is rare enough to need no form of its own; harmless when done twice. */
  statements: { text: string; values: unknown[] }[];
}

/** A change of nothing, to be filled. */
export function emptyChange(): Change {
  return {
    events: [],
    runs: [],
    steps: [],
    items: [],
    removeItems: [],
    waits: [],
    removeWaits: [],
    failedAttempts: [],
    gates: [],
    runEvents: [],
    versions: [],
    finishes: [],
    statements: [],
  };
}
