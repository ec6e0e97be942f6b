import type { Database } from "./database.ts";
import type { GateRow } from "./rows.ts";

/** Keys in memory that are not being written. */
const MAX_KEYS = 20_000;

/**
 * What gates remember, by key. Memory holds the keys in use and some of the last; the rest is in the database
 * only, so a key must be loaded before it is read. What was set is held until its commit is done.
 */
export class GateStates {
  readonly #database: Database;
  readonly #known = new Map<string, { state: unknown; writing: number }>();

  constructor(database: Database) {
    this.#database = database;
  }

  async load(keys: string[]): Promise<void> {
    const missing = [...new Set(keys)].filter((key) => !this.#touch(key));
    if (missing.length === 0) return;
    const found = await this.#database.pool.query<{ key: string; state: string }>({
      name: "load-gates",
      text: "select key, state from gate where key = any($1::text[])",
      values: [missing],
    });
    for (const key of missing) this.#known.set(key, { state: null, writing: 0 });
    for (const row of found.rows) this.#known.set(row.key, { state: JSON.parse(row.state), writing: 0 });
  }

  /** Moves a key to the end, so that what is about to be read is the last to leave memory. */
  #touch(key: string): boolean {
    const known = this.#known.get(key);
    if (!known) return false;
    this.#known.delete(key);
    this.#known.set(key, known);
    return true;
  }

  /** A loaded key's state; null when there is none. */
  get<T>(key: string): T | null {
    return (this.#known.get(key)?.state ?? null) as T | null;
  }

  /** Sets a key's state in memory and returns the row to commit; `written` must follow. */
  set(key: string, state: unknown, expiresAtMs: number): GateRow {
    const writing = (this.#known.get(key)?.writing ?? 0) + 1;
    this.#known.delete(key);
    this.#known.set(key, { state, writing });
    return { key, state: state === null ? null : JSON.stringify(state), expiresAtMs };
  }

  /** The rows' commit is done; or it failed, and the database is asked again. */
  written(rows: GateRow[], ok: boolean): void {
    for (const { key } of rows) {
      const known = this.#known.get(key);
      if (known) known.writing -= 1;
      if (!ok) this.#known.delete(key);
    }
    if (this.#known.size <= MAX_KEYS) return;
    for (const [key, { writing }] of this.#known) {
      if (this.#known.size <= MAX_KEYS * 0.9) return;
      if (writing === 0) this.#known.delete(key);
    }
  }
}
