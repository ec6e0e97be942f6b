import type { Database } from "./database.ts";

/** More names than this are not remembered; from then on every event is looked up. */
const MAX_NAMES = 50_000;

/** The names of events that some step may be waiting for, so that other events cost no look-up. */
export class WaitedEvents {
  readonly #names = new Set<string>();

  /** Reads what waits since before this start. */
  async load(database: Database): Promise<void> {
    const found = await database.pool.query<{ name: string }>(
      `with recursive n (name) as (
         (select name from wait where kind = 0 order by name limit 1) union all
         select (select w.name from wait w where w.name > n.name and w.kind = 0 order by w.name limit 1)
         from n where n.name is not null)
       select name from n where name is not null limit $1`,
      [MAX_NAMES],
    );
    for (const row of found.rows) this.#names.add(row.name);
  }

  add(name: string): void {
    if (this.#names.size < MAX_NAMES) this.#names.add(name);
  }

  has(name: string): boolean {
    return this.#names.size >= MAX_NAMES || this.#names.has(name);
  }
}
