/** Looks every few seconds for work that was started and never ended. Runs in each replica; they share it. */
import { sweepExpiredApprovals } from "./approvals.ts";
import { type ChunkWorkDeps, type RunnablePlan, sweepOverdueWork } from "./chunk-work.ts";
import { sweepOverdueImports } from "./import-work.ts";
import { sweepDeadCalls } from "./unanswered-calls.ts";

const EVERY_MS = 5000;

/** Starts sweeping; the returned function stops it after the sweep in hand. */
export function startSweeper(deps: ChunkWorkDeps, plan: RunnablePlan): () => Promise<void> {
  let stopped = false;
  let current = Promise.resolve();
  const sweep = async () => {
    try {
      await sweepOverdueImports(deps);
      await sweepOverdueWork(deps, plan);
      await sweepDeadCalls(deps);
      await sweepExpiredApprovals(deps);
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
