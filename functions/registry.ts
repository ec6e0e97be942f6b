/** Every Inngest function that the app serves. */
import type { InngestFunction } from "inngest";
import type { Deps } from "#src/deps.ts";
import { webhookSources } from "#src/providers/webhooks.ts";
import { applyApproval } from "./enrichment/apply-approval.ts";
import { createChunkFunction } from "./enrichment/define-chunk-function.ts";
import { importRegistry } from "./enrichment/import-registry.ts";
import { type LoadedPlan, loadPlan } from "./enrichment/load-plan.ts";
import { fields, stages } from "./enrichment/plan.ts";
import { startJob } from "./enrichment/start-job.ts";
import { erasePerson } from "./ops/erase-person.ts";
import { retention, scheduleRetention } from "./ops/retention.ts";
import { deliverWebhook } from "./webhooks/deliver-webhook.ts";
import { normaliseWebhooks } from "./webhooks/normalise-webhooks.ts";

/** The plan of this release, with its functions loaded. */
export const enrichmentPlan: LoadedPlan = await loadPlan(
  fields,
  stages,
  (id) => import(`./enrichment/fields/${id}.ts`),
);

/** All functions, bound to their dependencies. */
export function createFunctions(deps: Deps, plan: LoadedPlan = enrichmentPlan): InngestFunction.Any[] {
  return [
    importRegistry(deps, plan),
    startJob(deps, plan),
    applyApproval(deps, plan),
    scheduleRetention(deps),
    retention(deps),
    erasePerson(deps),
    deliverWebhook(deps),
    ...plan.functions.map((definition) => createChunkFunction(deps, plan, definition)),
    ...[...webhookSources.values()].map((source) => normaliseWebhooks(deps, source)),
  ];
}

/** Where the values of each field can come from, by field: what estimates go by. */
export const fieldSources = new Map(
  enrichmentPlan.functions.flatMap((each) =>
    each.kind === "field" ? [[each.id, each.sources] as const] : [],
  ),
);
