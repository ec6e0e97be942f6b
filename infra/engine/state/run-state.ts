import type { StepRow } from "./rows.ts";

/** A step of a run as calls and decisions need it. */
export interface StepState {
  op: string;
  name: string;
  /** The JSON that calls carry for it; null while it is pending. */
  memo: string | null;
  deadlineMs: number | null;
}

/**
 * A run in memory. Decisions change it at once and hand the same change to the writer; the writer keeps their
 * order, so nothing that later depends on a change can become durable before it.
 */
export class RunState {
  readonly id: string;
  readonly fnId: string;
  readonly keys: string;
  readonly queuedAtMs: number;
  readonly parent: { runId: string; stepId: string } | null;
  /** The triggering events' canonical JSON. */
  readonly events: string[];
  readonly steps: Map<string, StepState>;
  /** Ids of done steps, in the order in which they were done. */
  readonly stack: string[];
  version: number;
  ended: boolean;
  /** Its function has been called, or is about to be. */
  started: boolean;
  /** Its "go on" item: none, waiting in the queue, or being executed. There is never more than one. */
  go: "none" | "queued" | "running";
  /** Something was done while "go on" was being executed, so the function must be called again after it. */
  goAgain = false;
  /** How many users hold it now; it leaves memory only at zero. */
  pins = 0;
  bytes: number;
  /** The bytes that the cache has counted for it. */
  countedBytes = 0;

  constructor(init: {
    id: string;
    fnId: string;
    keys: string;
    queuedAtMs: number;
    parent: { runId: string; stepId: string } | null;
    events: string[];
    version: number;
    ended: boolean;
    goQueued: boolean;
    /** True when not given. */
    started?: boolean;
  }) {
    this.id = init.id;
    this.fnId = init.fnId;
    this.keys = init.keys;
    this.queuedAtMs = init.queuedAtMs;
    this.parent = init.parent;
    this.events = init.events;
    this.version = init.version;
    this.ended = init.ended;
    this.started = init.started ?? true;
    this.go = init.goQueued ? "queued" : "none";
    this.steps = new Map();
    this.stack = [];
    this.bytes = 300 + init.events.reduce((sum, event) => sum + event.length, 0);
  }

  /** Whether some step was planned and has no result yet. */
  get hasPending(): boolean {
    return this.steps.size > this.stack.length;
  }

  isDone(stepId: string): boolean {
    return this.steps.get(stepId)?.memo != null;
  }

  /** Notes a planned step; null when it is known already. */
  plan(stepId: string, op: string, name: string, deadlineMs: number | null = null): StepRow | null {
    if (this.steps.has(stepId)) return null;
    this.steps.set(stepId, { op, name, memo: null, deadlineMs });
    return { runId: this.id, stepId, seq: 0, op, name, memo: null, deadlineMs };
  }

  /** Memoizes a step's result; null when it has one already, which then stands. */
  finish(stepId: string, memo: string, op: string, name: string): StepRow | null {
    const known = this.steps.get(stepId);
    if (known?.memo != null) return null;
    this.steps.set(stepId, { op, name, memo, deadlineMs: known?.deadlineMs ?? null });
    this.stack.push(stepId);
    this.bytes += memo.length + 100;
    return { runId: this.id, stepId, seq: this.stack.length, op, name, memo, deadlineMs: null };
  }

  /** The `steps` object of a call: results of done steps, keys in canonical order. */
  stepsJson(): string {
    const ids = [...this.stack].sort();
    return `{${ids.map((id) => `${JSON.stringify(id)}:${this.steps.get(id)?.memo}`).join(",")}}`;
  }
}
