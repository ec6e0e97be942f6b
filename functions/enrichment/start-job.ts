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
import { markConsumed } from "#src/platform/outbox.ts";

export const startJob = (deps: Deps, plan: RunnablePlan): InngestFunction.Any =>
  deps.inngest.createFunction(
    {
      id: "start-enrichment-job",
      triggers: [jobRequested],
      // A job over the whole registry keeps Postgres busy for seconds.
      concurrency: 2,
      retries: 8,
    },
    async ({ event, step }) => {
      const { workspaceId, jobId } = event.data;
      await step.run("plan-chunks", () =>
        inWorkspace(deps.db, workspaceId, async (tx) => {
          await markConsumed(tx, event.id);
          await startEnrichment(tx, deps, plan, { workspaceId, jobId });
        }),
      );
      return { status: "started", jobId };
    },
  );
