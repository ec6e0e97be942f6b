import { startRuns } from "../ingest/start-runs.ts";
import type { Log } from "../log.ts";
import { type Change, type QueueItem, RunStatus } from "../state/rows.ts";
import { planEnd, type SettlePorts, wakeParent } from "./settle.ts";

export interface CancelPorts extends SettlePorts {
  /** Takes the run's waiting items out of the queue in memory, before they take a throttle's or a slot's place. */
  forget: (runId: string) => void;
  log: Log;
}

/**
 * Ends a run as cancelled, exactly once, whatever it is doing; null when there is no such run or it has ended.
 * A request that is under way may finish, and its result is dropped. Resolves when the end is durable, with the
 * items to do next: whoever listens to `inngest/function.cancelled` and `.finished`, and the run that invoked it.
 */
export async function cancelRun(
  ports: CancelPorts,
  runId: string,
  reason: string,
): Promise<{ items: QueueItem[] } | null> {
  const run = await ports.runs.acquire(runId);
  if (!run) return null;
  const parent = run.parent ? await ports.runs.acquire(run.parent.runId) : null;
  try {
    if (run.ended) return null;
    run.ended = true;
    run.go = "none";
    ports.forget(runId);
    const nowMs = Date.now();
    const end = { status: RunStatus.cancelled, output: "{}" };
    const change: Change & { steps: NonNullable<Change["steps"]>; items: QueueItem[] } = {
      steps: [],
      items: [],
      finishes: [{ runId, ...end }],
    };
    const fn = ports.registry.byId(run.fnId);
    const planned = fn ? planEnd(ports, fn, run, end, nowMs) : null;
    if (parent) wakeParent(parent, run, end, nowMs, change);
    ports.metrics.run(fn?.slug ?? run.fnId, "cancelled");
    ports.log.info({ fn: fn?.slug, runId, reason }, "a run was cancelled");
    if (planned) return { items: [...change.items, ...(await startRuns(ports, planned, change))] };
    await ports.writer.commit(change);
    return { items: change.items };
  } finally {
    if (parent) ports.runs.release(parent);
    ports.runs.release(run);
  }
}
