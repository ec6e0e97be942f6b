import type { Database } from "../state/database.ts";
import type { QueueItem } from "../state/rows.ts";

/** Priorities move an item's score by at most this much from its due time. */
const MAX_PRIORITY_MS = 600_000;

/** Reads pages of the durable queue. */
export class Backlog {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** For each partition its first due items, at most `limit` each, in order. */
  async due(partitions: string[], nowMs: number, limit: number): Promise<QueueItem[]> {
    const found = await this.#database.pool.query({
      name: "due-items",
      text: `select i.* from unnest($1::text[]) as p (name) cross join lateral (
               select * from queue_item q
               where q.partition = p.name and q.score <= $2 and q.due_at_ms <= $3 and q.kind < 3
               order by q.score, q.run_id, q.id limit $4) i`,
      values: [partitions, nowMs + MAX_PRIORITY_MS, nowMs, limit],
    });
    return found.rows.map(readItem);
  }

  /** Delayed items and timers that come due after one instant, the earliest first. */
  async delayed(after: { dueAtMs: number; key: string }, limit: number): Promise<QueueItem[]> {
    const found = await this.#database.pool.query({
      name: "delayed-items",
      text: `select * from queue_item
             where delayed and (due_at_ms, id, run_id) > ($1, $2, $3) order by due_at_ms, id, run_id limit $4`,
      values: [after.dueAtMs, after.key.split("\0")[0] ?? "", after.key.split("\0")[1] ?? "", limit],
    });
    return found.rows.map(readItem);
  }

  /** Names of partitions after one name, in order; found by jumps along the index, not by reading all items. */
  async partitionsAfter(name: string, limit: number): Promise<string[]> {
    const found = await this.#database.pool.query<{ partition: string }>({
      name: "partitions-after",
      text: `with recursive p (partition) as (
               (select partition from queue_item where partition > $1 order by partition limit 1)
               union all
               select (select q.partition from queue_item q where q.partition > p.partition order by q.partition limit 1)
               from p where p.partition is not null)
             select partition from p where partition is not null limit $2`,
      values: [name, limit],
    });
    return found.rows.map((row) => row.partition);
  }

  /** The stored throttle states of these keys, in epoch milliseconds. */
  async throttles(keys: string[]): Promise<Map<string, number>> {
    const found = await this.#database.pool.query<{ key: string; tat_ms: number }>({
      name: "load-throttles",
      text: "select key, tat_ms from throttle where key = any($1::text[])",
      values: [keys],
    });
    return new Map(found.rows.map((row) => [row.key, row.tat_ms]));
  }
}

function readItem(row: Record<string, unknown>): QueueItem {
  return {
    id: String(row.id),
    runId: String(row.run_id),
    fnId: String(row.fn_id),
    partition: String(row.partition),
    kind: Number(row.kind),
    stepId: row.step_id === null ? null : String(row.step_id),
    attempt: Number(row.attempt),
    dueAtMs: Number(row.due_at_ms),
    score: Number(row.score),
  };
}
