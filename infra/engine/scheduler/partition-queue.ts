import type { QueueItem } from "../state/rows.ts";
import { type PartitionName, readPartition } from "./partitions.ts";
import { insertSorted } from "./sorted.ts";

/** One partition's items in memory: the first of them in order, and whether the database holds more. */
export class PartitionQueue {
  readonly name: string;
  readonly read: PartitionName;
  readonly items: QueueItem[] = [];
  /** The database may hold due items that memory does not. */
  more = false;
  loading = false;
  /** An item was left to the database while a page was being read, which may not show it. */
  missed = false;
  /** In a ring, waiting for its turn. */
  queued = false;
  /** Gives up the slot or the time that it waits for; it is in no ring then. Null while it waits for none. */
  stopWaiting: (() => void) | null = null;

  constructor(name: string) {
    this.name = name;
    this.read = readPartition(name);
  }

  get blocked(): boolean {
    return this.stopWaiting !== null;
  }

  /** Puts an item in its place; false when it belongs behind what only the database knows. */
  insert(item: QueueItem): boolean {
    const last = this.items.at(-1);
    if (this.more && (!last || before(last, item))) return false;
    insertSorted(this.items, item, before);
    return true;
  }
}

export function before(a: QueueItem, b: QueueItem): boolean {
  return a.score < b.score || (a.score === b.score && a.runId < b.runId);
}
