import type { Database } from "../state/database.ts";
import { ItemKind, type QueueItem } from "../state/rows.ts";
import { QUEUE_ITEM, selectList } from "../state/tables.ts";

/** Priorities move an item's score by at most this much from its due time. */
const MAX_PRIORITY_MS = 600_000;

const COLUMNS = selectList(QUEUE_ITEM);

/** Reads pages of the durable queue. */
export class Backlog {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** For each partition its first due items, at most `limit` each, in order. */
  async due(partitions: string[], nowMs: number, limit: number): Promise<QueueItem[]> {
    const found = await this.#database.pool.query<QueueItem>({
      name: "due-items",
      text: `select i.* from unnest($1::text[]) as p (name) cross join lateral (
               select ${COLUMNS} from queue_item
               where partition = p.name and score <= $2 and due_at_ms <= $3 and kind < 3
               order by score, run_id, id limit $4) i`,
      values: [partitions, nowMs + MAX_PRIORITY_MS, nowMs, limit],
    });
    return found.rows;
  }

  /** Delayed items and timers that come due after one of them, the earliest first. */
  async delayed(after: Pick<QueueItem, "dueAtMs" | "id" | "runId">, limit: number): Promise<QueueItem[]> {
    const found = await this.#database.pool.query<QueueItem>({
      name: "delayed-items",
      text: `select ${COLUMNS} from queue_item
             where delayed and (due_at_ms, id, run_id) > ($1, $2, $3) order by due_at_ms, id, run_id limit $4`,
      values: [after.dueAtMs, after.id, after.runId, limit],
    });
    return found.rows;
  }

  /** Events that have yet to be handed to those who wait for them, the first of them. */
  async matches(limit: number): Promise<QueueItem[]> {
    const found = await this.#database.pool.query<QueueItem>(
      `select ${COLUMNS} from queue_item where kind = ${ItemKind.match} order by due_at_ms limit $1`,
      [limit],
    );
    return found.rows;
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
}
