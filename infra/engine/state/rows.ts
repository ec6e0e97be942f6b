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

/** A durable piece of work. It stays in the database until the commit that records what came of it. */
export interface QueueItem {
  id: string;
  /** The run; "" for cron ticks and events to be matched. */
  runId: string;
  fnId: string;
  partition: string;
  kind: number;
  /** The step; the expression of a cron tick; the internal id of an event to be matched. */
  stepId: string | null;
  /** Failed attempts so far. */
  attempt: number;
  dueAtMs: number;
  /** Order within the partition, smallest first. */
  score: number;
}

export interface EventRow {
  internalId: string;
  eventId: string;
  name: string;
  tsMs: number;
  body: string;
}

export interface RunRow {
  id: string;
  fnId: string;
  /** The internal id of the event that starts it. */
  eventId: string;
  keys: string;
  queuedAtMs: number;
  parentRunId: string | null;
  parentStepId: string | null;
  /** The event id that this function must not take a second time within 24 hours; null for none. */
  dedupKey: string | null;
}

export interface StepRow {
  runId: string;
  stepId: string;
  /** Order of completion in its run, from 1; 0 while pending. */
  seq: number;
  op: string;
  name: string;
  /** The JSON that calls carry for it; null while pending. */
  memo: string | null;
  deadlineMs: number | null;
  /** JSON of what the step was given, and when its code began to run; null where nobody knows. Kept from the first write. */
  input?: string | null;
  startedAtMs?: number | null;
}

/** An attempt that failed and is made again; `stepId` "" for the function itself. */
export interface FailedAttemptRow {
  runId: string;
  stepId: string;
  attempt: number;
  error: string;
  atMs: number;
}

export const WaitKind = { event: 0, signal: 1 } as const;

/** A step that waits for an event or a signal. */
export interface WaitRow {
  runId: string;
  stepId: string;
  kind: number;
  name: string;
  path: string;
  matchKey: string;
  expression: string | null;
  atMs: number;
}

/** What a gate remembers of one key, in JSON; null forgets it. */
export interface GateRow {
  key: string;
  state: string | null;
  /** From then on it is as good as forgotten. */
  expiresAtMs: number;
}

/** One of several events of a run that is, or will be, made of them. */
export interface RunEventRow {
  runId: string;
  position: number;
  eventId: string;
}

export const RunStatus = { active: 0, completed: 1, failed: 2, cancelled: 3 } as const;

export interface FinishRow {
  runId: string;
  status: number;
  /** JSON. */
  output: string;
}

export interface RunEntry {
  run: RunRow;
  item: QueueItem;
  /** Timers and awaited events (`cancelOn`) that come with the run. */
  timers: QueueItem[];
  waits: WaitRow[];
  /** Not a run yet: only the key is taken, and the item decides what becomes of it. */
  gated: boolean;
}

/** One atomic change: all of it is durable, or none. Rows with the same key replace what stood there. */
export interface Change {
  events?: EventRow[];
  /** Each run comes with the items that start and end it; all are dropped when the run's key is taken. */
  runs?: RunEntry[];
  steps?: StepRow[];
  items?: QueueItem[];
  removeItems?: { runId: string; id: string }[];
  finishes?: FinishRow[];
  versions?: { runId: string; version: number }[];
  throttles?: { key: string; tatMs: number }[];
  failedAttempts?: FailedAttemptRow[];
  gates?: GateRow[];
  runEvents?: RunEventRow[];
  /** Runs that come to nothing after all. */
  removeRunEvents?: string[];
  waits?: WaitRow[];
  removeWaits?: { runId: string; stepId: string }[];
}

/** What a change came to: runs not started because their event was a duplicate. */
export interface Committed {
  droppedRuns: ReadonlySet<string>;
}
