import type { FunctionSpec } from "../protocol/functions.ts";
import { BulkOperations } from "./bulk.ts";
import { syncApp } from "./in-band-sync.ts";
import { metricsText } from "./metrics-text.ts";
import type { OperationPorts } from "./ports.ts";
import { type Rerun, type RerunOptions, rerun } from "./rerun.ts";

export type Operations = ReturnType<typeof createOperations>;

/** What people may do to functions and runs, beside what the SDK asks for. */
export function createOperations(ports: OperationPorts) {
  const { scheduler, registry, log, cancel } = ports;
  const rerunNow = async (runId: string, options: RerunOptions): Promise<Rerun> => {
    const result = await rerun(ports, runId, options);
    if (result.ok) scheduler.offer(result.items);
    return result;
  };
  return {
    cancel,
    rerun: rerunNow,
    bulk: new BulkOperations({
      ...ports,
      replay: (runId, onceKey) => rerunNow(runId, { fromStep: null, onceKey }),
    }),
    syncApp: (url: string) => syncApp(ports, url),
    metricsText: () => metricsText(ports),

    /** Holds a function's work back, or lets it go on; what arrives meanwhile waits in order. Survives a restart. */
    setPaused: async (fn: FunctionSpec, paused: boolean): Promise<void> => {
      const was = registry.isPaused(fn);
      await registry.setPaused(fn, paused);
      if (was && !paused) scheduler.rescan();
      log.info({ fn: fn.slug }, paused ? "a function was paused" : "a function was resumed");
    },
  };
}
