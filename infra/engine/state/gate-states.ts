import { batched } from "./batched.ts";
import type { Database } from "./database.ts";
import type { GateRow } from "./rows.ts";

/** Keys in memory that are not being written. */
const MAX_KEYS = 50_000;

/**
 * What gates and throttles remember, by key. Memory holds the keys in use and some of the last; the rest is in
 * the database only, so a key must be loaded before it is read. What was set is held until its commit is done.
 */
export class GateStates {
  readonly #known = new Map<string, { state: unknown; writing: number }>();
  readonly #stored: (key: string) => Promise<unknown>;

  constructor(database: Database) {
    this.#stored = batched(async (keys) => {
      const found = await database.pool.query<{ key: string; state: string }>({
        name: "load-gates",
        text: "select key, state from gate where key = any($1::text[])",
        values: [keys],
      });
      return new Map(found.rows.map((row): [string, unknown] => [row.key, JSON.parse(row.state)]));
    });
  }

  async load(keys: readonly string[]): Promise<void> {
    const load = async (key: string): Promise<void> => {
      const known = this.#known.get(key) ?? { state: await this.#stored(key), writing: 0 };
      // What is about to be read is the last to leave memory. It may have been set meanwhile.
      this.#keepLast(key, this.#known.get(key) ?? known);
    };
    await Promise.all(keys.map(load));
    this.#trim();
  }

  has(key: string): boolean {
    return this.#known.has(key);
  }

  /** A loaded key's state; null when there is none. */
  get<T>(key: string): T | null {
    return (this.#known.get(key)?.state ?? null) as T | null;
  }

  /** Sets a key's state in memory and returns the row to commit; `written` must follow. Null is forgotten at once. */
  set(key: string, state: unknown, expiresAtMs: number): GateRow {
    this.#keepLast(key, { state, writing: (this.#known.get(key)?.writing ?? 0) + 1 });
    return { key, state: JSON.stringify(state), expiresAtMs };
  }

  /** Sets a number that a key in use remembers to at least this, in memory: its next row tells of it. */
  raise(key: string, atLeast: number): void {
    const known = this.#known.get(key);
    if (known) known.state = Math.max(Number(known.state), atLeast);
  }

  /** The rows' commit is done; or it failed, and the database is asked again. */
  written(rows: readonly GateRow[], ok: boolean): void {
    for (const { key } of rows) {
      const known = this.#known.get(key);
      if (known) known.writing -= 1;
      if (!ok) this.#known.delete(key);
    }
    this.#trim();
  }

  #keepLast(key: string, known: { state: unknown; writing: number }): void {
    this.#known.delete(key);
    this.#known.set(key, known);
  }

  #trim(): void {
    if (this.#known.size <= MAX_KEYS) return;
    for (const [key, { writing }] of this.#known) {
      if (this.#known.size <= MAX_KEYS * 0.9) return;
      if (writing === 0) this.#known.delete(key);
    }
  }
}
