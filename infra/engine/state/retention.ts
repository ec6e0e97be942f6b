import type { Log } from "../log.ts";
import { ulidFloor } from "../protocol/ids.ts";
import type { Database } from "./database.ts";

const BATCH = 2_000;
const EVERY_MS = 60_000;

/** Nothing needs the event any more: no run is or will be made of it. */
const OLD_EVENT = `internal_id < $1 and received_at < to_timestamp($2 / 1000.0)
  and not exists (select from run r where r.event_id = e.internal_id)
  and not exists (select from run_event v where v.event_id = e.internal_id)
  and not exists (select from queue_item q where q.kind = 8 and q.step_id = e.internal_id)`;

/** Deletes what is older than the retention, a batch at a time: finished runs with their steps, events, keys. */
export class Retention {
  readonly #database: Database;
  readonly #retentionMs: number;
  readonly #log: Log;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(database: Database, retentionMs: number, log: Log) {
    this.#database = database;
    this.#retentionMs = retentionMs;
    this.#log = log;
  }

  start(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.sweep(Date.now())
        .catch((error) => this.#log.warn({ err: error }, "old rows could not be deleted; trying again later"))
        .finally(() => this.start());
    }, EVERY_MS);
    this.#timer.unref();
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
  }

  /** Deletes all that is old at this instant. Events of runs that still go on are kept. */
  async sweep(nowMs: number): Promise<void> {
    const before = nowMs - this.#retentionMs;
    const floor = ulidFloor(before);
    await this.#repeat(
      `with old as (delete from run where id in (
         select id from run where id < $1 and status <> 0 and ended_at_ms < $2 order by id limit ${BATCH}) returning id),
         events as (delete from run_event where run_id in (select id from old)),
         attempts as (delete from failed_attempt where run_id in (select id from old))
       delete from step where run_id in (select id from old)`,
      [floor, before],
      "select 1 from run where id < $1 and status <> 0 and ended_at_ms < $2 limit 1",
    );
    await this.#repeat(
      `delete from event where internal_id in (
         select internal_id from event e where ${OLD_EVENT} order by internal_id limit ${BATCH})`,
      [floor, before],
      `select 1 from event e where ${OLD_EVENT} limit 1`,
    );
    await this.#database.pool.query("delete from run_key where expires_at_ms < $1", [nowMs]);
    // A singleton's lock is held by a run for as long as that goes on.
    await this.#database.pool.query(
      `delete from gate where expires_at_ms < $1 and (left(key, 2) <> 's|'
         or not exists (select from run where id = trim(both '"' from state) and status = 0))`,
      [nowMs],
    );
    await this.#database.pool.query(
      "delete from bulk_operation where status <> 'running' and ended_at < to_timestamp($1 / 1000.0)",
      [before],
    );
    await this.#database.pool.query("delete from throttle where tat_ms < $1", [nowMs]);
  }

  async #repeat(remove: string, values: unknown[], more: string): Promise<void> {
    while (!this.#stopped) {
      const left = await this.#database.pool.query(more, values);
      if (left.rowCount === 0) return;
      await this.#database.pool.query(remove, values);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
