import { goOnPartition } from "../scheduler/partitions.ts";
import {
  type Change,
  ItemKind,
  type QueueItem,
  queueItem,
  type STEP_ITEMS,
  type StepRow,
  stepItemId,
} from "./rows.ts";

/** A step of a run as calls and decisions need it. */
export interface StepState {
  op: string;
  name: string;
  /** The JSON that calls carry for it; null while it is pending. */
  memo: string | null;
}

type RunInit = Pick<RunState, "id" | "fnId" | "keys" | "parent" | "events" | "version" | "ended"> & {
  goQueued: boolean;
  /** True when not given. */
  called?: boolean;
};

/**
 * A run in memory. Decisions change it at once and hand the same change to the writer; the writer keeps their
 * order, so nothing that later depends on a change can become durable before it. A result and the change that tells of
 * it are made in the same tick.
 */
export class RunState {
  readonly id: string;
  readonly fnId: string;
  readonly keys: string;
  /** The step that invoked it. */
  readonly parent: { runId: string; stepId: string } | null;
  /** The triggering events' canonical JSON. */
  readonly events: readonly string[];
  readonly steps = new Map<string, StepState>();
  /** Ids of done steps, in the order in which they were done. */
  readonly stack: string[] = [];
  /** How many of them are durable, from the first on: the writer keeps their order. Calls carry no others. */
  durable = 0;
  version: number;
  ended: boolean;
  /** Its function was called, or is about to be; false again when nothing came of that. */
  called: boolean;
  /** Its "go on" item: none, waiting in the queue, or being executed. There is never more than one. */
  go: "none" | "queued" | "running";
  /** Something was done while "go on" was being executed, so the function must be called again after it. */
  goAgain = false;
  /** How many users hold it now; it leaves memory only at zero. */
  pins = 0;
  bytes: number;
  /** The bytes that the cache has counted for it. */
  countedBytes = 0;

  constructor(init: RunInit) {
    this.id = init.id;
    this.fnId = init.fnId;
    this.keys = init.keys;
    this.parent = init.parent;
    this.events = init.events;
    this.version = init.version;
    this.ended = init.ended;
    this.called = init.called ?? true;
    this.go = init.goQueued ? "queued" : "none";
    this.bytes = 300 + init.events.reduce((sum, event) => sum + event.length, 0);
  }

  /** A run that has a result was started, whatever became of the call that it came with. */
  get started(): boolean {
    return this.called || this.stack.length > 0;
  }

  /** Whether some step was planned and has no result yet. */
  get hasPending(): boolean {
    return this.steps.size > this.stack.length;
  }

  /** The event that started it, the first of a batch; an empty one when it is not stored any more. */
  get event(): Record<string, unknown> {
    return JSON.parse(this.events[0] ?? "{}");
  }

  isDone(stepId: string): boolean {
    return this.steps.get(stepId)?.memo != null;
  }

  /** Notes a planned step; null when it is known already. */
  plan(stepId: string, op: string, name: string): StepRow | null {
    if (this.steps.has(stepId)) return null;
    this.steps.set(stepId, { op, name, memo: null });
    return { runId: this.id, stepId, seq: 0, op, name, memo: null, input: null, startedAtMs: null };
  }

  /** Memoizes a step's result; null when it has one already, which then stands. */
  finish(stepId: string, memo: string, op: string, name: string): StepRow | null {
    if (this.isDone(stepId)) return null;
    this.steps.set(stepId, { op, name, memo });
    this.stack.push(stepId);
    this.bytes += memo.length + 100;
    const seq = this.stack.length;
    return { runId: this.id, stepId, seq, op, name, memo, input: null, startedAtMs: null };
  }

  /** Memoizes a planned step that ended outside its app, and lets the run go on when nothing else is pending. */
  finishPlanned(stepId: string, memo: string, nowMs: number, change: Change): void {
    const known = this.steps.get(stepId);
    const row = known && !this.ended ? this.finish(stepId, memo, known.op, known.name) : null;
    if (!row) return;
    change.steps.push(row);
    if (!this.hasPending || this.version === 1) this.goOn(nowMs, change);
  }

  /** Adds the item that lets the function go on, unless one waits already; after one that is being executed. */
  goOn(nowMs: number, change: Change): void {
    if (this.go === "running") this.goAgain = true;
    if (this.go !== "none") return;
    this.go = "queued";
    change.items.push(this.item("go", ItemKind.goOn, nowMs));
  }

  /** An item of this run; those that call its app stand in a partition of started runs. */
  item(id: string, kind: number, dueAtMs: number, stepId: string | null = null): QueueItem {
    const partition = kind < ItemKind.sleep ? goOnPartition(this.fnId, this.keys) : "";
    return queueItem({ id, kind, dueAtMs, stepId, partition, fnId: this.fnId, runId: this.id });
  }

  /** The item that goes on with one of its steps. */
  stepItem(kind: keyof typeof STEP_ITEMS, stepId: string, dueAtMs: number): QueueItem {
    return this.item(stepItemId(kind, stepId), kind, dueAtMs, stepId);
  }

  /** What a call carries: the ids of the done steps that are durable, and their results (keys in canonical order). */
  carried(): { stack: string[]; steps: string } {
    const stack = this.stack.slice(0, this.durable);
    const results = stack.toSorted().map((id) => `${JSON.stringify(id)}:${this.steps.get(id)?.memo}`);
    return { stack, steps: `{${results.join(",")}}` };
  }
}
