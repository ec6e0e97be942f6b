import type { Gatekeeper } from "../ingest/gatekeeper.ts";
import { invokeErrorMemo } from "../protocol/errors.ts";
import { emptyChange, ItemKind, type QueueItem } from "../state/rows.ts";
import { fireCron } from "./crons.ts";
import { cancelRun } from "./run-end.ts";
import { areMatchesPending, fireMatch, type WaitPorts } from "./waits.ts";

const INVOKE_TIMEOUT = invokeErrorMemo(
  "InngestInvokeTimeoutError",
  "Timed out waiting for invoked function to complete",
);

/** What waits for its function to be resumed is asked again after this long whether it may be started. */
const PAUSED_MS = 5_000;

/** The end of a wait is looked at again after this long, while events that came before it are being matched. */
const MATCHING_MS = 20;

export interface TimerPorts extends WaitPorts {
  gatekeeper: Gatekeeper;
}

/** Handles a timer that came due; returns the items to do next. */
export async function fireTimer(ports: TimerPorts, item: QueueItem): Promise<QueueItem[]> {
  switch (item.kind) {
    case ItemKind.cron:
      return await fireCron(ports, item);
    case ItemKind.match:
      await fireMatch(ports, item);
      return [];
    case ItemKind.admit:
    case ItemKind.gate:
      return await ports.gatekeeper.pass(item);
    case ItemKind.startTimeout:
    case ItemKind.finishTimeout:
      return await fireRunTimeout(ports, item);
    case ItemKind.waitTimeout:
      // An event that came in time ends the wait, also when nobody could look at it until now.
      if (await areMatchesPending(ports.database, item.score))
        return [{ ...item, dueAtMs: Date.now() + MATCHING_MS }];
      return await endStep(ports, item);
    default:
      return await endStep(ports, item);
  }
}

/** Cancels a run that has not been started in time, or goes on for too long. */
async function fireRunTimeout(ports: TimerPorts, item: QueueItem): Promise<QueueItem[]> {
  const fn = ports.registry.byId(item.fnId);
  const toStart = item.kind === ItemKind.startTimeout;
  if (toStart && fn && ports.registry.isPaused(fn)) return [{ ...item, dueAtMs: Date.now() + PAUSED_MS }];
  const run = await ports.runs.acquire(item.runId);
  if (run) ports.runs.release(run);
  const late = run !== null && run.started !== toStart;
  const cancelled = late
    ? await cancelRun(ports, item.runId, toStart ? "timeouts.start" : "timeouts.finish")
    : null;
  if (cancelled) return cancelled;
  await ports.writer.commit({ removeItems: [{ runId: item.runId, id: item.id }] });
  return [];
}

/** Ends a step that has slept, or has waited for too long. */
async function endStep(ports: TimerPorts, item: QueueItem): Promise<QueueItem[]> {
  const { runId, stepId } = item;
  const change = emptyChange();
  change.removeItems.push({ runId, id: item.id });
  if (item.kind === ItemKind.waitTimeout) change.removeWaits.push({ runId, stepId: stepId ?? "" });
  const memo = item.kind === ItemKind.invokeTimeout ? INVOKE_TIMEOUT : "null";
  const run = await ports.runs.acquire(runId);
  try {
    run?.finishPlanned(stepId ?? "", memo, Date.now(), change);
    await ports.writer.commit(change);
    return change.items;
  } finally {
    if (run) ports.runs.release(run);
  }
}
