import type { Gatekeeper } from "../ingest/gatekeeper.ts";
import { addStart, eventRow, noRuns } from "../ingest/plan-runs.ts";
import { startRuns } from "../ingest/start-runs.ts";
import { canonicalJson } from "../protocol/canonical-json.ts";
import { internalEvent } from "../protocol/events.ts";
import type { FunctionSpec } from "../protocol/functions.ts";
import { newId, uuidFromName } from "../protocol/ids.ts";
import { nextTick } from "../scheduler/cron.ts";
import { type Change, ItemKind, type QueueItem } from "../state/rows.ts";
import { cancelRun } from "./cancel.ts";
import { finishStep, type SettlePorts } from "./settle.ts";
import { fireMatch, type WaitPorts } from "./waits.ts";

const INVOKE_TIMEOUT = canonicalJson({
  error: {
    error: "InngestInvokeTimeoutError",
    message: "Timed out waiting for invoked function to complete",
    name: "InngestInvokeTimeoutError",
    stack: "",
  },
});

export interface TimerPorts extends WaitPorts {
  gatekeeper: Gatekeeper;
}

/** Handles a timer that came due; returns the items to do next. */
export async function fireTimer(ports: TimerPorts, item: QueueItem): Promise<QueueItem[]> {
  if (item.kind === ItemKind.cron) return await fireCron(ports, item);
  if (item.kind === ItemKind.match) return await fireMatch(ports, item);
  if (item.kind === ItemKind.admit || item.kind === ItemKind.gate) return await ports.gatekeeper.pass(item);
  const change: Change & { steps: NonNullable<Change["steps"]>; items: QueueItem[] } = {
    steps: [],
    items: [],
  };
  change.removeItems = [{ runId: item.runId, id: item.id }];
  if (item.kind === ItemKind.waitTimeout)
    change.removeWaits = [{ runId: item.runId, stepId: item.stepId ?? "" }];
  const run = await ports.runs.acquire(item.runId);
  try {
    const fn = ports.registry.byId(item.fnId);
    if (item.kind === ItemKind.startTimeout && fn && ports.registry.isPaused(fn)) {
      // What waits for its function to be resumed is not lost by that.
      return [{ ...item, dueAtMs: Date.now() + 5_000 }];
    }
    if (item.kind === ItemKind.finishTimeout || (item.kind === ItemKind.startTimeout && !run?.started)) {
      const which = item.kind === ItemKind.finishTimeout ? "timeouts.finish" : "timeouts.start";
      const cancelled = await cancelRun(ports, item.runId, which);
      if (cancelled) return cancelled.items;
    } else if (run && !run.ended && item.kind !== ItemKind.startTimeout) {
      finishStep(
        run,
        item.stepId ?? "",
        item.kind === ItemKind.invokeTimeout ? INVOKE_TIMEOUT : "null",
        Date.now(),
        change,
      );
    }
    await ports.writer.commit(change);
    return change.items;
  } finally {
    if (run) ports.runs.release(run);
  }
}

/** The item of a cron trigger's next tick after an instant; null when it has none. */
export function cronItem(fn: FunctionSpec, cron: string, afterMs: number): QueueItem | null {
  const tickMs = nextTick(cron, afterMs);
  if (tickMs === null) return null;
  const trigger = fn.triggers.find((t) => "cron" in t && t.cron === cron);
  const jitterMs = trigger && "cron" in trigger ? trigger.jitterMs : 0;
  const dueAtMs = tickMs + Math.floor(Math.random() * jitterMs);
  return {
    id: `cron:${uuidFromName(`${fn.id} ${cron}`)}:${tickMs}`,
    runId: "",
    fnId: fn.id,
    partition: "",
    kind: ItemKind.cron,
    stepId: cron,
    attempt: 0,
    dueAtMs,
    score: dueAtMs,
  };
}

/** Starts the run of a tick and plans the next, in one commit. A tick missed while the engine was down comes late, once. */
async function fireCron(ports: SettlePorts, item: QueueItem): Promise<QueueItem[]> {
  const nowMs = Date.now();
  const cron = item.stepId ?? "";
  const fn = ports.registry.byId(item.fnId);
  const trigger = fn?.triggers.find((t) => "cron" in t && t.cron === cron);
  const wanted = fn && ports.registry.isServed(fn) && trigger && "cron" in trigger;
  const change: Change & { items: QueueItem[] } = { items: [], removeItems: [{ runId: "", id: item.id }] };
  const planned = noRuns();
  if (wanted) {
    const event = internalEvent("inngest/scheduled.timer", { cron }, newId(nowMs), nowMs);
    planned.change.events = [eventRow(event)];
    addStart(planned, fn, event, nowMs, { dedupKey: item.id, parent: null });
    // Jitter may have carried this tick beyond the next.
    const next = cronItem(fn, cron, Math.max(Number(item.id.split(":").at(-1)), nowMs - trigger.jitterMs));
    if (next) change.items.push(next);
  }
  const started = await startRuns(ports, planned, change);
  return [...change.items, ...started];
}
