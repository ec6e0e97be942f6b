import type { Log } from "../log.ts";
import type { FunctionSpec } from "../protocol/functions.ts";
import { ItemKind, type QueueItem } from "../state/rows.ts";
import type { Backlog } from "./backlog.ts";
import { type Slot, SlotTable } from "./concurrency.ts";
import { KnownItems } from "./known-items.ts";
import { PartitionQueue } from "./partition-queue.ts";
import { slotsOf, throttleKeyOf } from "./partitions.ts";
import { throttle } from "./throttle.ts";
import { TimerQueue } from "./timer-queue.ts";

/** Items per partition in memory; fewer when memory holds many. */
const PAGE = 256;
const SMALL_PAGE = 8;
const MANY_ITEMS = 20_000;
const MAX_PARTITIONS = 20_000;

export interface SchedulerPorts {
  backlog: Backlog;
  log: Log;
  maxInFlight: number;
  functionById: (id: string) => FunctionSpec | null;
  /** The instant until which the function's app is given a rest, or 0. */
  restUntilMs: (fn: FunctionSpec) => number;
  /** Executes an item to its commit; returns the items to do next. `tatMs` must become durable first. */
  execute: (item: QueueItem, throttled: { key: string; tatMs: number } | null) => Promise<QueueItem[]>;
  /** Handles a timer (sleep's end, invoke's timeout, cron tick) to its commit. */
  fireTimer: (item: QueueItem) => Promise<QueueItem[]>;
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
  readonly #partitions = new Map<string, PartitionQueue>();
  readonly #rings: { c: PartitionQueue[]; s: PartitionQueue[] } = { c: [], s: [] };
  readonly #waiters = new Map<string, Set<PartitionQueue>>();
  #throttles = new Map<string, number>();
  #toLoad: PartitionQueue[] = [];
  #loading = false;
  #inFlight = 0;
  #kicked = false;
  #stopped = false;
  /** Some partitions have no place in memory; the next is looked for after this name. */
  #overflow = false;
  #cursor = "";

  constructor(ports: SchedulerPorts) {
    this.#ports = ports;
    this.#timers = new TimerQueue(ports.backlog, this.#known, ports.log, (items) => this.#due(items));
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get held(): number {
    return this.#known.size;
  }

  async start(): Promise<void> {
    this.#throttles = await this.#ports.backlog.throttles();
    this.rescan();
  }

  /** Looks at the database anew: at start, and when a commit may have gone unseen. */
  rescan(): void {
    this.#timers.reset();
    for (const partition of this.#partitions.values()) {
      partition.more = true;
      this.#enqueue(partition);
    }
    this.#cursor = "";
    this.#overflow = true;
    void this.#discover();
    this.#kick();
  }

  /** Takes in items that were just committed. */
  offer(items: QueueItem[]): void {
    const now = Date.now();
    for (const item of items) {
      if (item.dueAtMs > now || item.kind >= ItemKind.sleep) this.#timers.offer(item);
      else this.#offerDue(item);
    }
    this.#kick();
  }

  /** Starts nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#timers.stop();
  }

  #due(items: QueueItem[]): void {
    for (const item of items) {
      if (item.kind < ItemKind.sleep) this.#offerDue(item);
      else if (this.#known.hold(item)) void this.#fire(item);
    }
    this.#kick();
  }

  async #fire(item: QueueItem): Promise<void> {
    try {
      const next = await this.#ports.fireTimer(item);
      this.#known.drop(item);
      this.offer(next);
    } catch (error) {
      this.#ports.log.error({ err: error, runId: item.runId }, "a timer failed; it is tried again");
      this.#known.drop(item);
      this.#timers.offer({ ...item, dueAtMs: Date.now() + 1_000 });
    }
  }

  #offerDue(item: QueueItem): void {
    const partition = this.#partition(item.partition);
    if (!partition) return;
    const page = this.#known.size > MANY_ITEMS ? SMALL_PAGE : PAGE;
    if (partition.items.length >= page || !partition.insert(item)) {
      partition.more = true;
      partition.missed = true;
    } else if (!this.#known.hold(item)) partition.items.splice(partition.items.indexOf(item), 1);
    this.#enqueue(partition);
  }

  #partition(name: string): PartitionQueue | null {
    let partition = this.#partitions.get(name);
    if (!partition) {
      if (this.#partitions.size >= MAX_PARTITIONS) {
        this.#overflow = true;
        return null;
      }
      partition = new PartitionQueue(name);
      // Others of this partition may be in the database only, when it was pushed out or never found.
      partition.more = this.#overflow;
      this.#partitions.set(name, partition);
    }
    return partition;
  }

  #enqueue(partition: PartitionQueue): void {
    if (partition.queued || partition.blocked || partition.loading) return;
    partition.queued = true;
    this.#rings[partition.read.class].push(partition);
  }

  #kick(): void {
    if (this.#kicked || this.#stopped) return;
    this.#kicked = true;
    setImmediate(() => {
      this.#kicked = false;
      this.#run();
    });
  }

  #run(): void {
    while (!this.#stopped && this.#inFlight < this.#ports.maxInFlight) {
      const partition = this.#rings.c.shift() ?? this.#rings.s.shift();
      if (!partition) break;
      partition.queued = false;
      this.#serve(partition);
    }
    if (this.#toLoad.length > 0) void this.#load();
    if (this.#overflow && this.#partitions.size < MAX_PARTITIONS / 2) void this.#discover();
  }

  #serve(partition: PartitionQueue): void {
    const item = partition.items[0];
    if (!item) {
      if (partition.more) this.#toLoad.push(partition);
      else this.#partitions.delete(partition.name);
      return;
    }
    const fn = this.#ports.functionById(partition.read.fnId);
    const now = Date.now();
    const slots = fn ? slotsOf(fn, partition.read) : [];
    const full = this.#slots.blockedBy(slots);
    const pass = fn ? this.#passThrottle(fn, partition, full !== null, now) : { atMs: now, throttled: null };
    if (pass.atMs > now) {
      this.#block(partition, pass.atMs - now);
      return;
    }
    if (full) {
      this.#wait(partition, full);
      return;
    }
    const { throttled } = pass;
    partition.items.shift();
    this.#slots.take(slots);
    this.#inFlight += 1;
    void this.#execute(item, slots, throttled);
    this.#enqueue(partition);
  }

  /** When the partition may go: now, or when its app's rest or its throttle is over. Takes from the throttle. */
  #passThrottle(
    fn: FunctionSpec,
    partition: PartitionQueue,
    full: boolean,
    now: number,
  ): { atMs: number; throttled: { key: string; tatMs: number } | null } {
    const restUntilMs = this.#ports.restUntilMs(fn);
    const key = throttleKeyOf(fn, partition.read);
    if (restUntilMs > now || full || !fn.throttle || key === null)
      return { atMs: restUntilMs, throttled: null };
    const decision = throttle(fn.throttle, this.#throttles.get(key) ?? 0, now);
    if (!decision.allowed) return { atMs: decision.retryAtMs, throttled: null };
    this.#throttles.set(key, decision.tatMs);
    return { atMs: now, throttled: { key, tatMs: decision.tatMs } };
  }

  async #execute(
    item: QueueItem,
    slots: Slot[],
    throttled: { key: string; tatMs: number } | null,
  ): Promise<void> {
    let next: QueueItem[];
    try {
      next = await this.#ports.execute(item, throttled);
    } catch (error) {
      if (!this.#stopped)
        this.#ports.log.error({ err: error, runId: item.runId }, "an item failed; it is tried again");
      // Its state in the database did not change; a pause keeps a lasting fault from spinning.
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      next = [item];
    }
    this.#inFlight -= 1;
    this.#slots.give(slots);
    for (const slot of slots) this.#wake(slot.key);
    this.#known.drop(item);
    this.offer(next);
  }

  #block(partition: PartitionQueue, waitMs: number): void {
    partition.blocked = true;
    setTimeout(() => this.#unblock(partition), Math.ceil(waitMs)).unref();
  }

  #wait(partition: PartitionQueue, slot: Slot): void {
    partition.blocked = true;
    const waiters = this.#waiters.get(slot.key) ?? new Set();
    this.#waiters.set(slot.key, waiters.add(partition));
  }

  #wake(key: string): void {
    const waiters = this.#waiters.get(key);
    if (!waiters) return;
    this.#waiters.delete(key);
    for (const partition of waiters) this.#unblock(partition);
  }

  #unblock(partition: PartitionQueue): void {
    partition.blocked = false;
    this.#enqueue(partition);
    this.#kick();
  }

  async #load(): Promise<void> {
    if (this.#loading || this.#stopped) return;
    this.#loading = true;
    const partitions = this.#toLoad.splice(0, 200);
    for (const partition of partitions) {
      partition.loading = true;
      partition.missed = false;
    }
    try {
      const limit = this.#known.size > MANY_ITEMS ? SMALL_PAGE : PAGE;
      const names = partitions.map((partition) => partition.name);
      // What is in flight is still in the database, so the page must be larger than that.
      const pageSize = limit + this.#inFlight;
      const page = await this.#known.read(() => this.#ports.backlog.due(names, Date.now(), pageSize));
      const counts = new Map<string, number>();
      for (const item of page.all) counts.set(item.partition, (counts.get(item.partition) ?? 0) + 1);
      for (const partition of partitions) {
        partition.more = !page.complete || partition.missed || (counts.get(partition.name) ?? 0) >= pageSize;
      }
      for (const item of page.fresh) {
        const partition = this.#partitions.get(item.partition);
        if (partition && this.#known.hold(item)) partition.items.push(item);
      }
      for (const partition of partitions)
        partition.items.sort((a, b) => a.score - b.score || (a.id < b.id ? -1 : 1));
    } catch (error) {
      this.#ports.log.warn({ err: error }, "the queue could not be read; trying again");
      await new Promise((resolve) => setTimeout(resolve, 500));
    } finally {
      this.#loading = false;
      for (const partition of partitions) {
        partition.loading = false;
        this.#enqueue(partition);
      }
      this.#kick();
    }
  }

  #discovering = false;

  async #discover(): Promise<void> {
    if (this.#discovering || this.#stopped) return;
    this.#discovering = true;
    try {
      const names = await this.#ports.backlog.partitionsAfter(this.#cursor, 1_000);
      for (const name of names) {
        if (this.#partitions.size >= MAX_PARTITIONS) break;
        const partition = this.#partition(name);
        if (!partition) break;
        partition.more = true;
        this.#enqueue(partition);
        this.#cursor = name;
      }
      if (names.length < 1_000) {
        this.#overflow = this.#partitions.size >= MAX_PARTITIONS;
        this.#cursor = "";
      }
    } catch (error) {
      this.#ports.log.warn({ err: error }, "the queue could not be read; trying again");
      await new Promise((resolve) => setTimeout(resolve, 500));
    } finally {
      this.#discovering = false;
      this.#kick();
    }
  }
}
