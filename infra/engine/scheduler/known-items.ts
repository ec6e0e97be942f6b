import type { QueueItem } from "../state/rows.ts";

/**
 * Which queue items memory holds (waiting or being executed), so that a page read from the database brings
 * none in twice. A page that was being read while an item was dealt with may still show it as it was: such
 * items are remembered until it is read, and left out.
 */
export class KnownItems {
  readonly #held = new Set<string>();
  /** For each page that is being read. */
  readonly #dealtWith = new Set<Set<string>>();

  get size(): number {
    return this.#held.size;
  }

  holds(runId: string, id: string): boolean {
    return this.#held.has(`${runId} ${id}`);
  }

  /** False when memory holds it already. */
  hold(item: QueueItem): boolean {
    const key = keyOf(item);
    if (this.#held.has(key)) return false;
    this.#held.add(key);
    return true;
  }

  /** The item was executed, changed or given back to the database. */
  drop(item: QueueItem): void {
    const key = keyOf(item);
    this.#held.delete(key);
    for (const page of this.#dealtWith) page.add(key);
  }

  /** Reads a page and returns only what is news; `complete` is false when something had to be left out. */
  async read(
    page: () => Promise<QueueItem[]>,
  ): Promise<{ all: QueueItem[]; fresh: QueueItem[]; complete: boolean }> {
    const dealtWith = new Set<string>();
    this.#dealtWith.add(dealtWith);
    try {
      const all = await page();
      const stale = all.some((item) => dealtWith.has(keyOf(item)));
      const fresh = all.filter((item) => !this.#held.has(keyOf(item)) && !dealtWith.has(keyOf(item)));
      return { all, fresh, complete: !stale };
    } finally {
      this.#dealtWith.delete(dealtWith);
    }
  }
}

function keyOf(item: QueueItem): string {
  return `${item.runId} ${item.id}`;
}
