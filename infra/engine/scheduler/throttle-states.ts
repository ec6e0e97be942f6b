import type { Log } from "../log.ts";
import type { Backlog } from "./backlog.ts";

/** Keys in memory; those used least lately leave it first. Their state has long been written by then. */
const MAX_KEYS = 50_000;

/** When each throttle key may be used again, read from the database where memory does not know. */
export class ThrottleStates {
  readonly #backlog: Backlog;
  readonly #log: Log;
  readonly #known = new Map<string, number>();
  #wanted = new Set<string>();
  #reading = false;

  constructor(backlog: Backlog, log: Log) {
    this.#backlog = backlog;
    this.#log = log;
  }

  /** The key's state, 0 for a new key; null when it must be read first: ask again in a moment. */
  get(key: string): number | null {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    this.#wanted.add(key);
    if (!this.#reading) void this.#read();
    return null;
  }

  set(key: string, tatMs: number): void {
    this.#known.delete(key);
    this.#known.set(key, tatMs);
    if (this.#known.size <= MAX_KEYS) return;
    for (const old of this.#known.keys()) {
      if (this.#known.size <= MAX_KEYS * 0.9) break;
      this.#known.delete(old);
    }
  }

  async #read(): Promise<void> {
    this.#reading = true;
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#wanted.size > 0) {
      const keys = [...this.#wanted].slice(0, 1_000);
      try {
        const found = await this.#backlog.throttles(keys);
        for (const key of keys) {
          this.#wanted.delete(key);
          if (!this.#known.has(key)) this.set(key, found.get(key) ?? 0);
        }
      } catch (error) {
        this.#log.warn({ err: error }, "a throttle could not be read; trying again");
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    }
    this.#reading = false;
  }
}
