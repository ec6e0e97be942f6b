import type { Log } from "../log.ts";
import type { QueueItem } from "../state/rows.ts";
import type { Backlog } from "./backlog.ts";
import type { KnownItems } from "./known-items.ts";
import { insertSorted } from "./sorted.ts";

const PAGE = 5_000;
const MAX_HELD = 20_000;
/** The queue is looked at this often at least. */
const TICK_MS = 1_000;

const BEGINNING = { dueAtMs: -1, id: "", runId: "" };

/**
 * Items that are not due yet, and timers. Memory holds all that are due up to a horizon and reads the next
 * page before time reaches it; what lies beyond stays in the database only.
 */
export class TimerQueue {
  /** The earliest first. */
  readonly #items: QueueItem[] = [];
  /** Beyond the horizon, and came while a page is being read that may not show them: their turn is after it. */
  readonly #early: QueueItem[] = [];
  readonly #backlog: Backlog;
  readonly #known: KnownItems;
  readonly #log: Log;
  readonly #onDue: (items: QueueItem[]) => void;
  /** Another object whenever it moves. */
  #horizon = BEGINNING;
  #everything = false;
  #reading = false;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(backlog: Backlog, known: KnownItems, log: Log, onDue: (items: QueueItem[]) => void) {
    this.#backlog = backlog;
    this.#known = known;
    this.#log = log;
    this.#onDue = onDue;
  }

  /** Takes an item in; it is left to the database when it lies beyond the horizon. */
  offer(item: QueueItem): void {
    if (!this.#everything && item.dueAtMs > this.#horizon.dueAtMs) {
      if (this.#reading && this.#known.hold(item)) this.#early.push(item);
      return;
    }
    this.#hold(item);
    if (this.#items.length > MAX_HELD) this.#giveBack();
    this.#arm();
  }

  /** Starts again from the database, as after its connection was lost. */
  reset(): void {
    for (const item of this.#items.splice(0)) this.#known.drop(item);
    this.#horizon = { ...BEGINNING };
    this.#everything = false;
    this.#tick();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #hold(item: QueueItem): void {
    if (this.#known.hold(item)) insertSorted(this.#items, item, (a, b) => a.dueAtMs < b.dueAtMs);
  }

  /** Leaves the later half to the database, so that what comes due sooner always has a place. */
  #giveBack(): void {
    for (const item of this.#items.splice(MAX_HELD / 2)) this.#known.drop(item);
    this.#everything = false;
    this.#horizon = { ...BEGINNING, dueAtMs: this.#items.at(-1)?.dueAtMs ?? -1 };
  }

  #tick(): void {
    if (this.#stopped) return;
    const now = Date.now();
    const later = this.#items.findIndex((item) => item.dueAtMs > now);
    const due = this.#items.splice(0, later < 0 ? this.#items.length : later);
    for (const item of due) this.#known.drop(item);
    if (due.length > 0) this.#onDue(due);
    if (!this.#everything && this.#items.length < PAGE / 2) void this.#read();
    this.#arm();
  }

  #arm(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    const next = this.#items[0];
    const waitMs = next ? Math.max(0, Math.min(TICK_MS, next.dueAtMs - Date.now())) : TICK_MS;
    this.#timer = setTimeout(() => this.#tick(), waitMs);
  }

  async #read(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    try {
      const after = this.#horizon;
      const { all, fresh } = await this.#known.read(() => this.#backlog.delayed(after, PAGE));
      // Memory has given back meanwhile what the page does not show; the next tick reads anew.
      if (this.#horizon !== after) return;
      const last = all.at(-1);
      if (last) this.#horizon = last;
      if (all.length < PAGE) this.#everything = true;
      for (const item of fresh) this.#hold(item);
    } catch (error) {
      this.#log.warn({ err: error }, "the delayed items could not be read; trying again");
    } finally {
      this.#reading = false;
      for (const item of this.#early.splice(0)) {
        this.#known.drop(item);
        this.offer(item);
      }
      this.#arm();
    }
  }
}
