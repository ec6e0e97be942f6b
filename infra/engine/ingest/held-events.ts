import type { IncomingEvent } from "../protocol/events.ts";

/** The most that is kept, in characters of events. */
const MAX_SIZE = 32 * 1024 * 1024;

/** The events of runs to be, as long as memory has room for them; else they are read from the database. */
export class HeldEvents {
  readonly #lists = new Map<string, IncomingEvent[]>();
  #size = 0;

  put(runId: string, position: number, event: IncomingEvent): void {
    const list = this.#lists.get(runId) ?? [];
    // A gap: what came before is only in the database.
    if (position > list.length) return;
    this.#size += event.body.length - (list[position]?.body.length ?? 0);
    list[position] = event;
    this.#lists.set(runId, list);
    for (const old of this.#lists.keys()) {
      if (this.#size <= MAX_SIZE) break;
      this.#drop(old);
    }
  }

  /** All `count` events of a run, or null when some are not in memory. */
  take(runId: string, count: number): IncomingEvent[] | null {
    const list = this.#lists.get(runId);
    this.#drop(runId);
    return list?.length === count ? list : null;
  }

  #drop(runId: string): void {
    for (const event of this.#lists.get(runId) ?? []) this.#size -= event.body.length;
    this.#lists.delete(runId);
  }
}
