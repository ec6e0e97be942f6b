import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../log.ts";
import type { FunctionSpec } from "../protocol/functions.ts";
import type { GateStates } from "../state/gate-states.ts";
import { type GateRow, ItemKind, type QueueItem } from "../state/rows.ts";
import type { Backlog } from "./backlog.ts";
import { type Slot, SlotTable } from "./concurrency.ts";
import { KnownItems } from "./known-items.ts";
import type { PartitionQueue } from "./partition-queue.ts";
import { PartitionStore } from "./partition-store.ts";
import { slotsOf, throttleKeyOf } from "./partitions.ts";
import { throttle } from "./throttle.ts";
import { TimerQueue } from "./timer-queue.ts";

/** What failed for no known reason is tried again after this long. */
const RETRY_MS = 1_000;

/** So many events that were accepted before a start take effect before anything else goes on. */
const CATCH_UP = 1_000;

export interface SchedulerPorts {
  backlog: Backlog;
  /** What throttles remember. */
  states: GateStates;
  log: Log;
  maxInFlight: number;
  functionById: (id: string) => FunctionSpec | null;
  isPaused: (fn: FunctionSpec) => boolean;
  /** The instant until which the function's app is given a rest, or 0. */
  restUntilMs: (fn: FunctionSpec) => number;
  /** Executes an item to its commit; returns the items to do next. What its throttle took must become durable first. */
  execute: (item: QueueItem, throttled: GateRow | null) => Promise<QueueItem[]>;
  /** Handles a timer (sleep's end, invoke's timeout, cron tick) to its commit. */
  fireTimer: (item: QueueItem) => Promise<QueueItem[]>;
  /** Resolves when Postgres can be reached. */
  reached: () => Promise<unknown>;
}

/**
 * Decides which item is executed next: partitions take turns, those with started runs first, within their
 * functions' concurrency and throttle. Memory holds a bounded part of the queue.
 */
export class Scheduler {
  readonly #ports: SchedulerPorts;
  readonly #known = new KnownItems();
  readonly #slots = new SlotTable();
  readonly #timers: TimerQueue;
  readonly #partitions: PartitionStore;
  readonly #waiters = new Map<string, Set<PartitionQueue>>();
  /** Cancelled runs whose "go on" item memory still holds. */
  readonly #cancelled = new Set<string>();
  /** Items that were committed and have yet to be taken in. */
  readonly #offered: QueueItem[] = [];
  #inFlight = 0;
  /** Timers that failed once and are tried again; nothing is executed meanwhile. */
  #overdue = 0;
  #kicked = false;
  #stopped = false;

  constructor(ports: SchedulerPorts) {
    this.#ports = ports;
    this.#partitions = new PartitionStore({
      backlog: ports.backlog,
      known: this.#known,
      log: ports.log,
      inFlight: () => this.#inFlight,
      onReady: () => this.#kick(),
    });
    this.#timers = new TimerQueue(ports.backlog, this.#known, ports.log, (items) => this.#due(items));
  }

  /** How many items memory holds, those that are being executed included. */
  get held(): number {
    return this.#known.size;
  }

  /** Looks at the database anew: to begin with, and when a commit may have gone unseen. */
  rescan(): void {
    this.#partitions.rescan();
    void this.#catchUp();
  }

  /** What events were accepted to end or to wake takes effect before anything goes on, also by a timer. */
  async #catchUp(): Promise<void> {
    const { backlog, log } = this.#ports;
    this.#overdue += 1;
    const page = await this.#known
      .read(() => backlog.matches(CATCH_UP))
      .catch((error) => {
        log.warn({ err: error }, "the queue could not be read; events take effect in their turn");
        return null;
      });
    const matches = page?.fresh.filter((item) => this.#known.hold(item)) ?? [];
    this.#timers.reset();
    await Promise.all(matches.map((item) => this.#fire(item)));
    this.#overdue -= 1;
    this.#kick();
  }

  /**
   * Takes in items that were just committed; in a turn of its own. An item may have been put anew by the commit that
   * ended it, and whoever tells of that may be faster than whoever has the former in hand: by then it is let go.
   */
  offer(items: QueueItem[]): void {
    for (const item of items) this.#offered.push(item);
    this.#kick();
  }

  #takeIn(): void {
    const now = Date.now();
    for (const item of this.#offered.splice(0)) {
      if (item.dueAtMs > now || item.kind >= ItemKind.sleep) this.#timers.offer(item);
      else this.#partitions.offer(item);
    }
  }

  /** The run was cancelled: what is held of it in memory takes no slot and no throttle's turn. */
  forget(runId: string): void {
    if (this.#known.holds(runId, "go")) this.#cancelled.add(runId);
  }

  /** Starts nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#partitions.stop();
    this.#timers.stop();
  }

  #due(items: QueueItem[]): void {
    for (const item of items) {
      if (item.kind < ItemKind.sleep) this.#partitions.offer(item);
      else if (this.#known.hold(item)) void this.#fire(item);
    }
    this.#kick();
  }

  async #fire(item: QueueItem): Promise<void> {
    const { fireTimer, reached } = this.#ports;
    let next = await this.#attempt(item, () => fireTimer(item));
    if (!next) {
      // Again as soon as Postgres can be reached, and before anything starts: what came first takes effect first.
      this.#overdue += 1;
      next = await this.#attempt(item, () => reached().then(() => fireTimer(item)));
      this.#overdue -= 1;
    }
    this.#known.drop(item);
    this.offer(next ?? [{ ...item, dueAtMs: Date.now() + RETRY_MS }]);
  }

  /** Null when the work on an item failed. */
  async #attempt(item: QueueItem, work: () => Promise<QueueItem[]>): Promise<QueueItem[] | null> {
    try {
      return await work();
    } catch (error) {
      if (!this.#stopped)
        this.#ports.log.error({ err: error, runId: item.runId }, "an item failed; it is tried again");
      return null;
    }
  }

  #kick(): void {
    if (this.#kicked || this.#stopped) return;
    this.#kicked = true;
    setImmediate(() => {
      this.#kicked = false;
      this.#takeIn();
      this.#run();
    });
  }

  #run(): void {
    while (!this.#stopped && this.#overdue === 0 && this.#inFlight < this.#ports.maxInFlight) {
      const partition = this.#partitions.next();
      if (!partition) break;
      this.#serve(partition);
    }
  }

  #serve(partition: PartitionQueue): void {
    while (this.#cancelled.size > 0 && this.#cancelled.delete(partition.items[0]?.runId ?? ""))
      this.#known.drop(partition.items.shift() as QueueItem);
    if (partition.items.length === 0) {
      this.#partitions.requeue(partition);
      return;
    }
    const fn = this.#ports.functionById(partition.read.fnId);
    if (fn && this.#ports.isPaused(fn)) {
      // The database keeps its items; resuming reads them anew.
      this.#partitions.forget(partition);
      return;
    }
    const now = Date.now();
    const restUntilMs = fn ? this.#ports.restUntilMs(fn) : 0;
    if (restUntilMs > now) {
      this.#block(partition, restUntilMs - now);
      return;
    }
    const slots = fn ? slotsOf(fn, partition.read) : [];
    const full = this.#slots.blockedBy(slots);
    if (full) {
      this.#wait(partition, full);
      return;
    }
    const throttled = fn ? this.#passThrottle(fn, partition, now) : null;
    const item = throttled === "not yet" ? undefined : partition.items.shift();
    if (!item || throttled === "not yet") return;
    this.#slots.take(slots);
    this.#inFlight += 1;
    void this.#execute(item, slots, throttled);
    this.#partitions.requeue(partition);
  }

  /** Takes a start from the partition's throttle, if it has one: the row to commit. Else the partition is held back. */
  #passThrottle(fn: FunctionSpec, partition: PartitionQueue, now: number): GateRow | null | "not yet" {
    const { states } = this.#ports;
    const key = throttleKeyOf(fn, partition.read);
    if (!fn.throttle || key === null) return null;
    if (!states.has(key)) {
      this.#loadThrottle(partition, key);
      return "not yet";
    }
    const decision = throttle(fn.throttle, states.get<number>(key) ?? 0, now);
    if (decision.allowed) return states.set(key, decision.tatMs, decision.tatMs);
    this.#block(partition, decision.retryAtMs - now);
    return "not yet";
  }

  #loadThrottle(partition: PartitionQueue, key: string): void {
    let waiting = true;
    partition.stopWaiting = () => {
      waiting = false;
    };
    this.#ports.states
      .load([key])
      .catch(async (error) => {
        this.#ports.log.warn({ err: error }, "a throttle could not be read; trying again");
        await sleep(500);
      })
      .then(() => {
        if (waiting) this.#unblock(partition);
      });
  }

  async #execute(item: QueueItem, slots: Slot[], throttled: GateRow | null): Promise<void> {
    const next = await this.#attempt(item, () => this.#ports.execute(item, throttled));
    // Its state in the database did not change; a pause keeps a lasting fault from spinning.
    if (!next) await sleep(RETRY_MS);
    // If it was not written, the throttle is used less than it might be, never more.
    if (throttled) this.#ports.states.written([throttled], true);
    this.#inFlight -= 1;
    this.#slots.give(slots);
    for (const slot of slots) this.#wake(slot.key);
    this.#known.drop(item);
    if (this.#cancelled.size > 0) this.#cancelled.delete(item.runId);
    this.offer(next ?? [item]);
  }

  #block(partition: PartitionQueue, waitMs: number): void {
    const timer = setTimeout(() => this.#unblock(partition), Math.ceil(waitMs)).unref();
    partition.stopWaiting = () => clearTimeout(timer);
  }

  #wait(partition: PartitionQueue, slot: Slot): void {
    const waiters = this.#waiters.get(slot.key) ?? new Set();
    this.#waiters.set(slot.key, waiters.add(partition));
    partition.stopWaiting = () => waiters.delete(partition);
  }

  #wake(key: string): void {
    const waiters = this.#waiters.get(key);
    if (!waiters) return;
    this.#waiters.delete(key);
    for (const partition of waiters) this.#unblock(partition);
  }

  #unblock(partition: PartitionQueue): void {
    partition.stopWaiting = null;
    this.#partitions.requeue(partition);
    this.#kick();
  }
}
