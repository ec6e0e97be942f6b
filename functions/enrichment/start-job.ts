/**
 * `enrichment/job.requested` in -> the job's prospects become chunks, the first fields are requested. A repeat is
 * harmless: chunks are planned once, in the transaction that marks the event consumed.
 */
import type { InngestFunction } from "inngest";
import { inWorkspace } from "#db/client.ts";
import type { Deps } from "#src/deps.ts";
import { jobRequested } from "#src/events/enrichment.ts";
import type { RunnablePlan } from "#src/platform/chunk-work.ts";
import { startEnrichment } from "#src/platform/enrich-jobs.ts";
import { beginUnlessPaused } from "#src/platform/operations/pauses.ts";

const ID = "start-enrichment-job";

export const startJob = (deps: Deps, plan: RunnablePlan): InngestFunction.Any =>
  deps.inngest.createFunction(
    {
      id: ID,
      triggers: [jobRequested],
      // A job over the whole registry keeps Postgres busy for seconds.
      concurrency: 2,
      retries: 8,
    },
    async ({ event, step }) => {
      const { workspaceId, jobId } = event.data;
      const started = await step.run("plan-chunks", () =>
        inWorkspace(deps.db, workspaceId, async (tx) => {
          if (!(await beginUnlessPaused(tx, ID, event.id))) return false;
          await startEnrichment(tx, deps, plan, { workspaceId, jobId });
          return true;
        }),
      );
      return { status: started ? "started" : "paused", jobId };
    },
  );
