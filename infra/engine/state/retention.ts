import { setTimeout as sleep } from "node:timers/promises";
import { ulidFloor } from "../protocol/ids.ts";
import type { Database } from "./database.ts";

const BATCH = 2_000;

/** Nothing needs the event any more: no run is or will be made of it. */
const OLD_EVENT = `internal_id < $1 and received_at < to_timestamp($2 / 1000.0)
  and not exists (select from run r where r.event_id = e.internal_id)
  and not exists (select from run_event v where v.event_id = e.internal_id)
  and not exists (select from queue_item q where q.kind = 8 and q.step_id = e.internal_id)`;

/**
 * Deletes what is older than the retention at this instant, a batch at a time: ended runs with their steps,
 * events, keys. Runs that still go on are kept with their events. Ends early when it is aborted.
 */
export async function deleteOld(
  { pool }: Database,
  retentionMs: number,
  nowMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const before = nowMs - retentionMs;
  const repeat = async (remove: string, more: string): Promise<void> => {
    const values = [ulidFloor(before), before];
    while (!signal?.aborted && (await pool.query(more, values)).rowCount !== 0) {
      await pool.query(remove, values);
      await sleep(20);
    }
  };
  await repeat(
    `with old as (delete from run where id in (
       select id from run where id < $1 and status <> 0 and ended_at_ms < $2 order by id limit ${BATCH}) returning id),
       events as (delete from run_event where run_id in (select id from old)),
       attempts as (delete from failed_attempt where run_id in (select id from old))
     delete from step where run_id in (select id from old)`,
    "select 1 from run where id < $1 and status <> 0 and ended_at_ms < $2 limit 1",
  );
  await repeat(
    `delete from event where internal_id in (
       select internal_id from event e where ${OLD_EVENT} order by internal_id limit ${BATCH})`,
    `select 1 from event e where ${OLD_EVENT} limit 1`,
  );
  await pool.query("delete from run_key where expires_at_ms < $1", [nowMs]);
  // A singleton's lock is held by a run for as long as that goes on.
  await pool.query(
    `delete from gate where expires_at_ms < $1 and (left(key, 2) <> 's|'
       or not exists (select from run where id = trim(both '"' from state) and status = 0))`,
    [nowMs],
  );
  await pool.query(
    "delete from bulk_operation where status <> 'running' and ended_at < to_timestamp($1 / 1000.0)",
    [before],
  );
}
