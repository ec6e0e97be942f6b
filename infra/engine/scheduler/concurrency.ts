/** A place that a step needs while it executes: no more than `limit` of the same key at once. */
export interface Slot {
  key: string;
  limit: number;
}

/** Counts executing steps per slot key. Pure bookkeeping: no clock, no I/O. */
export class SlotTable {
  readonly #used = new Map<string, number>();

  /** The first slot that is full, or null when all have room. */
  blockedBy(slots: readonly Slot[]): Slot | null {
    return slots.find((slot) => this.used(slot.key) >= slot.limit) ?? null;
  }

  take(slots: readonly Slot[]): void {
    for (const slot of slots) this.#used.set(slot.key, this.used(slot.key) + 1);
  }

  give(slots: readonly Slot[]): void {
    for (const slot of slots) {
      const left = this.used(slot.key) - 1;
      if (left > 0) this.#used.set(slot.key, left);
      else this.#used.delete(slot.key);
    }
  }

  used(key: string): number {
    return this.#used.get(key) ?? 0;
  }
}
