import { setTimeout as sleep } from "node:timers/promises";
import { ulidFloor } from "../protocol/ids.ts";
import type { Database } from "./database.ts";
import type { Writer } from "./writer.ts";

/** Rows that are looked for together; so many of them go with one commit, so that others do not wait long for theirs. */
const PAGE = 2_000;
const BATCH = 100;
const PAUSE_MS = 10;

interface Old {
  /** Chooses by their keys rows that nobody needs any more; $1 is the instant. */
  find: string;
  /** Deletes them, if that is still so; their key's columns come as arrays from $2 on. */
  remove: string;
}

const ENDED_RUNS: Old = {
  find: "select id from run where id < $2 and status <> 0 and ended_at_ms < $1 order by id",
  remove: `with runs as (delete from run where id = any($2::text[]) and ended_at_ms < $1),
    events as (delete from run_event where run_id = any($2::text[])),
    attempts as (delete from failed_attempt where run_id = any($2::text[]))
    delete from step where run_id = any($2::text[])`,
};
/** No run is or will be made of it. */
const UNUSED = `received_at < to_timestamp($1 / 1000.0)
  and not exists (select from run r where r.event_id = e.internal_id)
  and not exists (select from run_event v where v.event_id = e.internal_id)
  and not exists (select from queue_item q where q.kind = 8 and q.step_id = e.internal_id)`;
const UNUSED_EVENTS: Old = {
  find: `select internal_id from event e where internal_id < $2 and ${UNUSED} order by internal_id`,
  remove: `delete from event e where internal_id = any($2::text[]) and ${UNUSED}`,
};
const EXPIRED_KEYS: Old = {
  find: "select fn_id, key from run_key where expires_at_ms < $1",
  remove: `delete from run_key using unnest($2::uuid[], $3::text[]) as old (fn_id, key)
    where run_key.fn_id = old.fn_id and run_key.key = old.key and expires_at_ms < $1`,
};
const EXPIRED_GATES: Old = {
  // A singleton's lock is held by a run for as long as that goes on.
  find: `select key from gate where expires_at_ms < $1 and (left(key, 2) <> 's|'
    or not exists (select from run where id = trim(both '"' from state) and status = 0))`,
  remove: "delete from gate where key = any($2::text[]) and expires_at_ms < $1",
};
const OLD_OPERATIONS: Old = {
  find: "select id from bulk_operation where status <> 'running' and ended_at < to_timestamp($1 / 1000.0)",
  remove: "delete from bulk_operation where id = any($2::text[]) and ended_at < to_timestamp($1 / 1000.0)",
};

/**
 * Deletes what is older than the retention at this instant, a batch at a time: ended runs with their steps,
 * events, keys. Runs that still go on are kept with their events. Ends early when it is aborted. Rows are looked
 * for beside the writer and deleted by it, because an engine that has lost its lock must not delete.
 */
export async function deleteOld(
  { database, writer }: { database: Database; writer: Writer },
  retentionMs: number,
  nowMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const deleteAll = async ({ find, remove }: Old, ...before: [number, string?]): Promise<void> => {
    for (;;) {
      const { rows, fields } = await database.pool.query(`${find} limit ${PAGE}`, before);
      if (rows.length === 0) return;
      while (rows.length > 0) {
        if (signal?.aborted) return;
        const batch = rows.splice(0, BATCH);
        const keys = fields.map(({ name }) => batch.map((row) => row[name]));
        await writer.commit({ statements: [{ text: remove, values: [before[0], ...keys] }] });
        await sleep(PAUSE_MS);
      }
    }
  };
  const beforeMs = nowMs - retentionMs;
  await deleteAll(ENDED_RUNS, beforeMs, ulidFloor(beforeMs));
  await deleteAll(UNUSED_EVENTS, beforeMs, ulidFloor(beforeMs));
  await deleteAll(EXPIRED_KEYS, nowMs);
  await deleteAll(EXPIRED_GATES, nowMs);
  await deleteAll(OLD_OPERATIONS, beforeMs);
}
