/**
 * `enrichment/approval.decided` in -> the value becomes found or not found, the prospect is merged and scored again. A
 * repeat is harmless: a decision is applied once, in the transaction that marks the event consumed.
 */
import type { InngestFunction } from "inngest";
import { inWorkspace } from "#db/client.ts";
import type { Deps } from "#src/deps.ts";
import { approvalDecided } from "#src/events/enrichment.ts";
import { applyApproval as apply } from "#src/platform/approvals.ts";
import type { RunnablePlan } from "#src/platform/chunk-work.ts";
import { beginUnlessPaused } from "#src/platform/operations/pauses.ts";

const ID = "apply-approval";

export const applyApproval = (deps: Deps, plan: RunnablePlan): InngestFunction.Any =>
  deps.inngest.createFunction(
    { id: ID, triggers: [approvalDecided], concurrency: 10, retries: 8 },
    async ({ event, step }) =>
      step.run("apply", () =>
        inWorkspace(deps.db, event.data.workspaceId, async (tx) => {
          if (!(await beginUnlessPaused(tx, ID, event.id))) return { status: "paused" };
          return apply(tx, deps, plan, event.data);
        }),
      ),
  );
