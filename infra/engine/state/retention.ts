import { setTimeout as sleep } from "node:timers/promises";
import { ulidFloor } from "../protocol/ids.ts";
import type { Database } from "./database.ts";
import type { Writer } from "./writer.ts";

/** Rows that are looked for together; so many of them go with one commit, so that others do not wait long for theirs. */
const PAGE = 2_000;
const BATCH = 100;
const PAUSE_MS = 10;

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
  for (const [table, index, isOld] of oldRows(nowMs - retentionMs, nowMs)) {
    // A row may have changed since it was found: then it is elsewhere, or not old any more.
    const remove = `delete from ${table} where ctid = any($1::tid[]) and (${isOld})`;
    const text = table === "run" ? withDependents(remove) : remove;
    for (;;) {
      const find = `select ctid from ${table} where ${isOld} order by ${index} limit ${PAGE}`;
      const { rows } = await database.pool.query<{ ctid: string }>(find);
      if (rows.length === 0) break;
      while (rows.length > 0) {
        if (signal?.aborted) return;
        const places = rows.splice(0, BATCH).map(({ ctid }) => ctid);
        await writer.commit({ statements: [{ text, values: [places] }] });
        await sleep(PAUSE_MS);
      }
    }
  }
}

/** By table: the indexed column by which old rows are found, and the condition under which nobody needs a row. */
function oldRows(beforeMs: number, nowMs: number): [table: string, index: string, isOld: string][] {
  const [id, instant] = [`'${ulidFloor(beforeMs)}'`, `to_timestamp(${beforeMs / 1_000})`];
  return [
    ["run", "id", `id < ${id} and status <> 0 and ended_at_ms < ${beforeMs}`],
    // No run is or will be made of it.
    [
      "event",
      "internal_id",
      `internal_id < ${id} and received_at < ${instant}
      and not exists (select from run where event_id = internal_id)
      and not exists (select from run_event v where v.event_id = internal_id)
      and not exists (select from queue_item where kind = 8 and step_id = internal_id)`,
    ],
    ["run_key", "expires_at_ms", `expires_at_ms < ${nowMs}`],
    // A singleton's lock is held by a run for as long as that goes on.
    [
      "gate",
      "expires_at_ms",
      `expires_at_ms < ${nowMs} and (left(key, 2) <> 's|'
      or not exists (select from run where id = trim(both '"' from state) and status = 0))`,
    ],
    ["bulk_operation", "id", `status <> 'running' and ended_at < ${instant}`],
  ];
}

function withDependents(deleteRuns: string): string {
  return `with old as (${deleteRuns} returning id),
    events as (delete from run_event where run_id in (select id from old)),
    attempts as (delete from failed_attempt where run_id in (select id from old))
    delete from step where run_id in (select id from old)`;
}
