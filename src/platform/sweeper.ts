/** Looks every few seconds for work that was started and never ended, or that a pause holds no more. Runs in each replica; they share it. */
import { sweepExpiredApprovals } from "./approvals.ts";
import { type ChunkWorkDeps, type RunnablePlan, sweepOverdueWork, sweepWaitingWork } from "./chunk-work.ts";
import { sweepOverdueImports } from "./import-work.ts";
import { sweepCancelledJobs } from "./operations/cancel-job.ts";
import { sweepHeldEvents } from "./operations/pauses.ts";
import { sweepDeadCalls } from "./unanswered-calls.ts";
import { sweepWebhooks } from "./webhooks-in/sweep.ts";
import { sweepDeliveries } from "./webhooks-out/deliver.ts";

const EVERY_MS = 5000;

/** Starts sweeping; the returned function stops it after the sweep in hand. */
export function startSweeper(deps: ChunkWorkDeps, plan: RunnablePlan): () => Promise<void> {
  let stopped = false;
  let current = Promise.resolve();
  const sweep = async () => {
    try {
      await sweepOverdueImports(deps);
      await sweepOverdueWork(deps, plan);
      await sweepCancelledJobs(deps, plan);
      await sweepHeldEvents(deps);
      await sweepWaitingWork(deps, plan);
      await sweepDeadCalls(deps);
      await sweepExpiredApprovals(deps);
      await sweepWebhooks(deps);
      await sweepDeliveries(deps);
    } catch (error) {
      if (!stopped) deps.logger.warn({ err: error }, "sweeping failed, trying again");
    }
  };
  const timer = setInterval(() => {
    current = current.then(sweep);
  }, EVERY_MS);
  return async () => {
    stopped = true;
    clearInterval(timer);
    await current;
  };
}
