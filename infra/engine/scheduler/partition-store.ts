import type { Log } from "../log.ts";
import type { QueueItem } from "../state/rows.ts";
import type { Backlog } from "./backlog.ts";
import type { KnownItems } from "./known-items.ts";
import { before, PartitionQueue } from "./partition-queue.ts";

/** Items per partition in memory; fewer when memory holds many. */
const PAGE = 256;
const SMALL_PAGE = 8;
const MANY_ITEMS = 20_000;
const MAX_PARTITIONS = 20_000;
/** While some partitions have no place, so much room is made for them in each round, by blocked ones. */
const ROUND_MS = 1_000;
const PARTITIONS_PER_ROUND = 1_000;
/** Of so many turns one goes to runs that have not started, though started ones go first. */
const TURNS = 4;

export interface PartitionStorePorts {
  backlog: Backlog;
  known: KnownItems;
  log: Log;
  /** How many items are being executed: they are still in the database, so pages must be larger by that. */
  inFlight: () => number;
  /** Something may be taken now. */
  onReady: () => void;
  maxPartitions?: number;
}

/**
 * The due items, by partition, in turns: those of started runs first. Memory holds a page of each partition
 * and a bounded number of partitions; the rest is read from the database when its turn comes.
 */
export class PartitionStore {
  readonly #ports: PartitionStorePorts;
  readonly #partitions = new Map<string, PartitionQueue>();
  readonly #rings: { c: PartitionQueue[]; s: PartitionQueue[] } = { c: [], s: [] };
  #toLoad: PartitionQueue[] = [];
  #loading = false;
  #discovering = false;
  #stopped = false;
  #turn = 0;
  readonly #max: number;
  readonly #rounds: NodeJS.Timeout;
  /** Some partitions have no place in memory; the next is looked for after this name. */
  #overflow = false;
  /** A partition was left to the database since the present look through all of them began. */
  #missed = false;
  #cursor = "";

  constructor(ports: PartitionStorePorts) {
    this.#ports = ports;
    this.#max = ports.maxPartitions ?? MAX_PARTITIONS;
    this.#rounds = setInterval(() => this.#makeRoom(), ROUND_MS).unref();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#rounds);
  }

  /** Takes nothing for granted: the database may hold what memory has not seen, nor what is being read now. */
  rescan(): void {
    for (const partition of this.#partitions.values()) {
      partition.more = true;
      partition.missed = true;
      this.requeue(partition);
    }
    this.#cursor = "";
    this.#missed = true;
    this.#overflow = true;
    void this.#discover();
  }

  /** The partition whose turn it is, with at least one item; undefined when there is none now. */
  next(): PartitionQueue | undefined {
    for (;;) {
      this.#turn = (this.#turn + 1) % TURNS;
      const { c, s } = this.#rings;
      const partition = this.#turn === 0 ? (s.shift() ?? c.shift()) : (c.shift() ?? s.shift());
      if (!partition) break;
      partition.queued = false;
      if (partition.items.length > 0) return partition;
      if (partition.more) this.#toLoad.push(partition);
      else this.#partitions.delete(partition.name);
    }
    if (this.#toLoad.length > 0) void this.#load();
    if (this.#overflow && this.#partitions.size < this.#max / 2) void this.#discover();
    return undefined;
  }

  /** Takes in a due item; it is left to the database when its partition has no place for it. */
  offer(item: QueueItem): void {
    const partition = this.#partition(item.partition);
    if (!partition) return;
    const page = this.#ports.known.size > MANY_ITEMS ? SMALL_PAGE : PAGE;
    if (partition.items.length >= page || !partition.insert(item)) {
      partition.more = true;
      partition.missed = true;
    } else if (!this.#ports.known.hold(item)) partition.items.splice(partition.items.indexOf(item), 1);
    this.requeue(partition);
  }

  /** Partitions that have been blocked for longest are left to the database, and come back when it is their turn. */
  #makeRoom(): void {
    if (!this.#overflow) return;
    let room = this.#max - this.#partitions.size;
    for (const partition of this.#partitions.values()) {
      if (room >= Math.min(PARTITIONS_PER_ROUND, this.#max / 2)) break;
      if (!partition.blocked) continue;
      this.forget(partition);
      this.#missed = true;
      room += 1;
    }
    void this.#discover();
  }

  /** Leaves a partition to the database, until it is found anew there. */
  forget(partition: PartitionQueue): void {
    partition.stopWaiting?.();
    for (const item of partition.items) this.#ports.known.drop(item);
    this.#partitions.delete(partition.name);
  }

  #partition(name: string): PartitionQueue | null {
    let partition = this.#partitions.get(name);
    if (!partition) {
      if (this.#partitions.size >= this.#max) {
        this.#overflow = true;
        this.#missed = true;
        return null;
      }
      partition = new PartitionQueue(name);
      // Others of this partition may be in the database only, when it was pushed out or never found.
      partition.more = this.#overflow;
      this.#partitions.set(name, partition);
    }
    return partition;
  }

  /** Gives a partition its next turn, unless it is blocked or being read. */
  requeue(partition: PartitionQueue): void {
    if (partition.queued || partition.blocked || partition.loading) return;
    partition.queued = true;
    this.#rings[partition.read.class].push(partition);
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
      const limit = this.#ports.known.size > MANY_ITEMS ? SMALL_PAGE : PAGE;
      const names = partitions.map((partition) => partition.name);
      // What is in flight is still in the database, so the page must be larger than that.
      const pageSize = limit + this.#ports.inFlight();
      const page = await this.#ports.known.read(() => this.#ports.backlog.due(names, Date.now(), pageSize));
      const counts = new Map<string, number>();
      for (const item of page.all) counts.set(item.partition, (counts.get(item.partition) ?? 0) + 1);
      for (const partition of partitions) {
        partition.more = !page.complete || partition.missed || (counts.get(partition.name) ?? 0) >= pageSize;
      }
      for (const item of page.fresh) {
        const partition = this.#partitions.get(item.partition);
        if (partition && this.#ports.known.hold(item)) partition.items.push(item);
      }
      for (const partition of partitions) partition.items.sort((a, b) => (before(a, b) ? -1 : 1));
    } catch (error) {
      this.#ports.log.warn({ err: error }, "the queue could not be read; trying again");
      await new Promise((resolve) => setTimeout(resolve, 500));
    } finally {
      this.#loading = false;
      for (const partition of partitions) {
        partition.loading = false;
        this.requeue(partition);
      }
      this.#ports.onReady();
    }
  }

  async #discover(): Promise<void> {
    if (this.#discovering || this.#stopped) return;
    this.#discovering = true;
    try {
      if (this.#cursor === "") this.#missed = false;
      const names = await this.#ports.backlog.partitionsAfter(this.#cursor, 1_000);
      for (const name of names) {
        const partition = this.#partition(name);
        if (!partition) return;
        partition.more = true;
        this.requeue(partition);
        this.#cursor = name;
      }
      if (names.length < 1_000) {
        this.#overflow = this.#missed;
        this.#cursor = "";
      }
    } catch (error) {
      this.#ports.log.warn({ err: error }, "the queue could not be read; trying again");
      await new Promise((resolve) => setTimeout(resolve, 500));
    } finally {
      this.#discovering = false;
      this.#ports.onReady();
    }
  }
}
