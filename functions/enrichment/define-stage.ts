/** What follows the fields on a chunk (merge, score): one transaction over its prospects, as one Inngest function. */
import type { Tx } from "#db/client.ts";
import type { WorkKey } from "#db/queries/chunk-work.ts";
import type { Deps } from "#src/deps.ts";
import { runAtOnce } from "#src/platform/chunk-work.ts";
import type { ChunkFunction, Limits } from "./define-chunk-function.ts";

export interface StageDefinition extends Limits {
  id: string;
  /** Derives something for the chunk's prospects, in a transaction that the work's fence guards. Returns counts. */
  run: (tx: Tx, key: WorkKey, deps: Deps) => Promise<Record<string, number>>;
}

export interface Stage extends ChunkFunction {
  kind: "stage";
  /** Its work alone, for whoever guards it in another way. */
  run: StageDefinition["run"];
}

export function defineStage({ run, ...limits }: StageDefinition): Stage {
  return {
    kind: "stage",
    ...limits,
    run,
    work: (deps, { key, eventId }, step, plan) =>
      step.run(limits.id, () => runAtOnce(deps, plan, key, eventId, (tx) => run(tx, key, deps))),
  };
}
