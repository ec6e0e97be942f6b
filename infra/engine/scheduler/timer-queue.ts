import type { Log } from "../log.ts";
import type { QueueItem } from "../state/rows.ts";
import type { Backlog } from "./backlog.ts";
import { Heap } from "./heap.ts";
import type { KnownItems } from "./known-items.ts";

const PAGE = 5_000;
const MAX_HELD = 20_000;

/**
 * Items that are not due yet, and timers. Memory holds all that are due up to a horizon and reads the next
 * page before time reaches it; what lies beyond stays in the database only.
 */
export class TimerQueue {
  readonly #heap = new Heap<QueueItem>((item) => item.dueAtMs);
  readonly #backlog: Backlog;
  readonly #known: KnownItems;
  readonly #log: Log;
  readonly #onDue: (items: QueueItem[]) => void;
  #horizon = { dueAtMs: -1, key: "" };
  #everything = false;
  #reading = false;
  #stopped = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(backlog: Backlog, known: KnownItems, log: Log, onDue: (items: QueueItem[]) => void) {
    this.#backlog = backlog;
    this.#known = known;
    this.#log = log;
    this.#onDue = onDue;
  }

  /** Takes an item in; it is left to the database when it lies beyond the horizon. */
  offer(item: QueueItem): void {
    if (!this.#everything && item.dueAtMs > this.#horizon.dueAtMs) return;
    if (!this.#known.hold(item)) return;
    this.#heap.push(item);
    if (this.#heap.size > MAX_HELD) this.#giveBack();
    this.#arm();
  }

  /** Starts again from the database, as after its connection was lost. */
  reset(): void {
    for (let item = this.#heap.pop(); item; item = this.#heap.pop()) this.#known.drop(item);
    this.#horizon = { dueAtMs: -1, key: "" };
    this.#everything = false;
    this.#tick();
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
  }

  /** Leaves the later half to the database, so that what comes due sooner always has a place. */
  #giveBack(): void {
    const kept: QueueItem[] = [];
    while (kept.length < MAX_HELD / 2) kept.push(this.#heap.pop() as QueueItem);
    for (let item = this.#heap.pop(); item; item = this.#heap.pop()) this.#known.drop(item);
    for (const item of kept) this.#heap.push(item);
    this.#everything = false;
    this.#horizon = { dueAtMs: kept.at(-1)?.dueAtMs ?? -1, key: "" };
  }

  #tick(): void {
    if (this.#stopped) return;
    const now = Date.now();
    const due: QueueItem[] = [];
    for (let next = this.#heap.peek(); next && next.dueAtMs <= now; next = this.#heap.peek()) {
      this.#heap.pop();
      this.#known.drop(next);
      due.push(next);
    }
    if (due.length > 0) this.#onDue(due);
    if (!this.#everything && this.#heap.size < PAGE / 2) void this.#read();
    this.#arm();
  }

  #arm(): void {
    if (this.#stopped) return;
    if (this.#timer) clearTimeout(this.#timer);
    const next = this.#heap.peek();
    const wait = next ? Math.max(0, Math.min(1_000, next.dueAtMs - Date.now())) : 1_000;
    this.#timer = setTimeout(() => this.#tick(), wait);
  }

  async #read(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    try {
      const page = await this.#known.read(() => this.#backlog.delayed(this.#horizon, PAGE));
      const { all, fresh, complete } = page;
      const last = all.at(-1);
      // What was dealt with meanwhile may be due again by now, at a time that the page does not show: the
      // horizon stays, and the next tick reads the same page again.
      if (last && complete) this.#horizon = { dueAtMs: last.dueAtMs, key: `${last.id}\0${last.runId}` };
      if (all.length < PAGE && complete) this.#everything = true;
      for (const item of fresh) if (this.#known.hold(item)) this.#heap.push(item);
    } catch (error) {
      this.#log.warn({ err: error }, "the delayed items could not be read; trying again");
    } finally {
      this.#reading = false;
      this.#arm();
    }
  }
}
