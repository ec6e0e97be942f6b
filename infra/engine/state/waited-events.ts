import type { Database } from "./database.ts";
import type { Writer } from "./writer.ts";

/** More names than this are not remembered; then every event is looked up. */
const MAX_NAMES = 50_000;

/** The names of events that some step may be waiting for, so that other events cost no look-up. */
export class WaitedEvents {
  readonly #database: Database;
  #names = new Set<string>();
  /** Names that came while the database is asked. */
  #fresh = new Set<string>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** Reads anew what is waited for, so that names which no step waits for any more are forgotten. */
  async reload(writer: Writer): Promise<void> {
    this.#fresh = new Set();
    // Waits whose names were added until now are durable after this, so that the database tells of them.
    await writer.commit({});
    const found = await this.#database.pool.query<{ name: string }>(
      `with recursive n (name) as (
         (select name from wait where kind = 0 order by name limit 1) union all
         select (select w.name from wait w where w.name > n.name and w.kind = 0 order by w.name limit 1)
         from n where n.name is not null)
       select name from n where name is not null limit $1`,
      [MAX_NAMES],
    );
    this.#names = new Set([...found.rows.map((row) => row.name), ...this.#fresh]);
  }

  /** A step is about to wait for this event: its commit must follow in the same tick. */
  add(name: string): void {
    for (const names of [this.#names, this.#fresh]) if (names.size < MAX_NAMES) names.add(name);
  }

  has(name: string): boolean {
    return this.#names.size >= MAX_NAMES || this.#names.has(name);
  }
}
