import { addStart } from "../ingest/plan-runs.ts";
import { internalEvent } from "../protocol/events.ts";
import type { FunctionSpec } from "../protocol/functions.ts";
import { newId, uuidFromName } from "../protocol/ids.ts";
import type { Registry } from "../registry.ts";
import { nextTick } from "../scheduler/cron.ts";
import { type CommitPorts, commitChange } from "../state/commit-change.ts";
import type { Database } from "../state/database.ts";
import { emptyChange, ItemKind, type QueueItem, queueItem } from "../state/rows.ts";
import type { Writer } from "../state/writer.ts";

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
  await ports.writer.commit({ items });
  return items;
}

/** The item of a cron trigger's next tick after an instant; null when it has none. */
export function cronItem(fn: FunctionSpec, cron: string, afterMs: number): QueueItem | null {
  const tickMs = nextTick(cron, afterMs);
  if (tickMs === null) return null;
  const dueAtMs = tickMs + Math.floor(Math.random() * (jitterMs(fn, cron) ?? 0));
  const id = `cron:${uuidFromName(`${fn.id} ${cron}`)}:${tickMs}`;
  return queueItem({ id, fnId: fn.id, kind: ItemKind.cron, stepId: cron, dueAtMs });
}

/** Starts the run of a tick and plans the next, in one commit. A tick missed while the engine was down comes late, once. */
export async function fireCron(
  ports: CommitPorts & { registry: Registry },
  item: QueueItem,
): Promise<QueueItem[]> {
  const nowMs = Date.now();
  const cron = item.stepId ?? "";
  const fn = ports.registry.byId(item.fnId);
  const jitter = fn && ports.registry.isServed(fn) ? jitterMs(fn, cron) : null;
  const change = emptyChange();
  change.removeItems.push({ runId: "", id: item.id });
  if (fn && jitter !== null) {
    const event = internalEvent("inngest/scheduled.timer", { cron }, newId(nowMs), nowMs);
    change.events.push(event);
    addStart(change, fn, event, nowMs, { dedupKey: item.id });
    // Jitter may have carried this tick beyond the next.
    const next = cronItem(fn, cron, Math.max(Number(item.id.split(":").at(-1)), nowMs - jitter));
    if (next) change.items.push(next);
  }
  return await commitChange(ports, change);
}

/** By how much a cron trigger's ticks may be late; null when the function has no such trigger. */
function jitterMs(fn: FunctionSpec, cron: string): number | null {
  const trigger = fn.triggers.find((one) => "cron" in one && one.cron === cron);
  return trigger && "cron" in trigger ? trigger.jitterMs : null;
}
