/**
 * Gathers what arrives within a few milliseconds and has it done at once: one commit for many. Each caller is answered
 * when its own batch is. While a batch of a key is in hand, the next one of that key waits and grows.
 */

/** There is more waiting than will be done in time: the caller should come again later. */
export class OverloadedError extends Error {
  override readonly name = "OverloadedError";
}

export interface BatcherOptions<Item, Result> {
  /** Does a batch, and answers for each item in its place. What it throws, each of the batch's callers gets. */
  work: (key: string, items: Item[]) => Promise<Result[]>;
  sizeOf: (item: Item) => number;
  /** Between the beginnings of two batches of a key, at least: what the first of a batch waits for others. */
  gatherMs: number;
  /** Of one batch. */
  maxItems: number;
  maxBytes: number;
  /** Of all that waits or is in hand. */
  maxHeldItems: number;
  maxHeldBytes: number;
}

interface Waiting<Item, Result> {
  item: Item;
  bytes: number;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

export class Batcher<Item, Result> {
  readonly #options: BatcherOptions<Item, Result>;
  readonly #lanes = new Map<string, Waiting<Item, Result>[]>();
  #heldItems = 0;
  #heldBytes = 0;

  constructor(options: BatcherOptions<Item, Result>) {
    this.#options = options;
  }

  /** Has the item done with others of its key. @throws OverloadedError, or what the batch's work has thrown */
  add(key: string, item: Item): Promise<Result> {
    const bytes = this.#options.sizeOf(item);
    const { maxHeldItems, maxHeldBytes } = this.#options;
    if (this.#heldItems >= maxHeldItems || this.#heldBytes + bytes > maxHeldBytes) {
      return Promise.reject(new OverloadedError("Too much is waiting to be stored."));
    }
    this.#heldItems++;
    this.#heldBytes += bytes;
    return new Promise((resolve, reject) => {
      const waiting = { item, bytes, resolve, reject };
      const lane = this.#lanes.get(key);
      if (lane) lane.push(waiting);
      else {
        this.#lanes.set(key, [waiting]);
        void this.#run(key);
      }
    });
  }

  /** A lane runs as long as something waits in it. */
  async #run(key: string): Promise<void> {
    const lane = this.#lanes.get(key) as Waiting<Item, Result>[];
    while (lane.length > 0) {
      await new Promise((resolve) => setTimeout(resolve, this.#options.gatherMs));
      const batch = this.#take(lane);
      try {
        const results = await this.#options.work(
          key,
          batch.map(({ item }) => item),
        );
        batch.forEach(({ resolve }, index) => {
          resolve(results[index] as Result);
        });
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
      this.#heldItems -= batch.length;
      this.#heldBytes -= batch.reduce((sum, { bytes }) => sum + bytes, 0);
    }
    this.#lanes.delete(key);
  }

  #take(lane: Waiting<Item, Result>[]): Waiting<Item, Result>[] {
    let bytes = 0;
    let count = 0;
    while (count < Math.min(lane.length, this.#options.maxItems)) {
      bytes += (lane[count] as Waiting<Item, Result>).bytes;
      if (count > 0 && bytes > this.#options.maxBytes) break;
      count++;
    }
    return lane.splice(0, count);
  }
}
