import type { FunctionSpec } from "../protocol/functions.ts";
import type { Database } from "../state/database.ts";
import type { QueueItem } from "../state/rows.ts";
import type { Writer } from "../state/writer.ts";
import { cronItem } from "./timers.ts";

/**
 * Sees to it that each cron trigger of these functions has exactly one coming tick in the queue; returns the
 * items that were added. A trigger that went away is dropped when its tick comes.
 */
export async function planCrons(
  ports: { database: Database; writer: Writer },
  functions: FunctionSpec[],
  nowMs: number,
): Promise<QueueItem[]> {
  const wanted = functions.flatMap((fn) =>
    fn.triggers.flatMap((trigger) => ("cron" in trigger ? [{ fn, cron: trigger.cron }] : [])),
  );
  if (wanted.length === 0) return [];
  const found = await ports.database.pool.query<{ fn_id: string; step_id: string }>(
    "select fn_id, step_id from queue_item where run_id = '' and kind = 5",
  );
  const planned = new Set(found.rows.map((row) => `${row.fn_id} ${row.step_id}`));
  const items = wanted
    .filter(({ fn, cron }) => !planned.has(`${fn.id} ${cron}`))
    .map(({ fn, cron }) => cronItem(fn, cron, nowMs))
    .filter((item) => item !== null);
  if (items.length > 0) await ports.writer.commit({ items });
  return items;
}
