import { ItemKind } from "../state/rows.ts";
import type { OperationPorts } from "./ports.ts";

const KIND_NAMES = Object.fromEntries(Object.entries(ItemKind).map(([name, kind]) => [kind, name]));

/** What Prometheus scrapes; the gauges of the queue and of the calls under way are measured now. */
export async function metricsText(ports: OperationPorts): Promise<string> {
  const { registry, metrics, scheduler, executor } = ports;
  const items = await ports.database.pool.query<{ fn_id: string; kind: number; later: boolean; n: number }>(
    `select fn_id, kind, due_at_ms > $1 as later, count(*)::bigint as n from queue_item group by 1, 2, 3`,
    [Date.now()],
  );
  for (const gauge of [metrics.queueDepth, metrics.running, metrics.waiting, metrics.paused]) gauge.reset();
  const nameOf = (id: string): string => registry.byId(id)?.slug ?? id;
  for (const { fn_id, kind, later, n } of items.rows) {
    const fn = registry.byId(fn_id);
    const isCall = kind <= ItemKind.step;
    const held = later ? "delay" : fn && registry.isPaused(fn) ? "paused" : "turn";
    const reason = isCall ? held : (KIND_NAMES[kind] ?? "other");
    metrics.waiting.inc({ function: nameOf(fn_id), reason }, n);
    if (isCall) metrics.queueDepth.inc({ function: nameOf(fn_id) }, n);
  }
  metrics.held.set(scheduler.held);
  for (const [id, calls] of executor.running()) metrics.running.set({ function: nameOf(id) }, calls);
  for (const fn of registry.all) if (registry.isPaused(fn)) metrics.paused.set({ function: fn.slug }, 1);
  return await metrics.registry.metrics();
}
