import { Hono } from "hono";
import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { fieldHistory, sampleProspects } from "#db/queries/estimates.ts";
import type { FieldCounts } from "#db/queries/job-fields.ts";
import { jobProgress } from "#db/queries/jobs.ts";
import type { Deps } from "#src/deps.ts";
import { attributesOf } from "#src/domain/enrichment/eligibility.ts";
import { estimateField } from "#src/domain/enrichment/estimate.ts";
import { NotFoundError } from "#src/domain/errors.ts";
import { planOfJob, type RunnablePlan } from "#src/platform/chunk-work.ts";
import { requestEnrichment } from "#src/platform/enrich-jobs.ts";
import { type AppEnv, ok } from "../envelope.ts";
import { checkFields, Selection, WorkOptions } from "../selection.ts";

/** What is known of a field's sources without asking them. */
export type FieldSources = ReadonlyMap<
  string,
  readonly {
    provider: string;
    priceMicros?: (deps: Deps) => number;
    perSecond?: (deps: Deps) => number | null;
    inUse?: (deps: Deps) => boolean;
  }[]
>;

const JobRequest = z.strictObject({ selection: Selection, ...WorkOptions.shape });
const EstimateRequest = JobRequest.omit({ priority: true });

/** Enough for shares to be right within a few per cent. */
const SAMPLE = 2_000;

/**
 * POST /jobs — enriches prospects that are there already: asks what is missing or stale. Answers 202 with the job's id.
 * POST /jobs/estimate — what that would ask, cost and take, by field. Nothing is started.
 * GET /jobs/:id — how far a job has come. `fields` names what the plan asks for; stages are not fields.
 */
export function jobRoutes(deps: Deps, plan: RunnablePlan, sources: FieldSources) {
  return new Hono<AppEnv>()
    .post("/jobs", async (c) => {
      const request = JobRequest.parse(await c.req.json());
      checkFields(plan, request.fields);
      const workspaceId = c.get("workspaceId");
      const jobId = await inWorkspace(deps.db, workspaceId, (tx) =>
        requestEnrichment(tx, deps, plan, {
          workspaceId,
          selection: request.selection,
          fields: request.fields ?? null,
          priority: request.priority,
          maxCostMicros: request.maxCostMicros,
          maxCostMicrosPerProspect: request.maxCostMicrosPerProspect,
        }),
      );
      return ok(c, { jobId }, { status: 202 });
    })
    .post("/jobs/estimate", async (c) => {
      const request = EstimateRequest.parse(await c.req.json());
      checkFields(plan, request.fields);
      const { fields } = planOfJob(plan, request.fields ?? null);
      const attributes = [...new Set(fields.flatMap(({ when }) => attributesOf(when)))];
      const { total, sample, history } = await inWorkspace(deps.db, c.get("workspaceId"), async (tx) => ({
        ...(await sampleProspects(tx, request.selection, { size: SAMPLE, attributes })),
        history: await fieldHistory(tx),
      }));
      const estimates = fields.map((field) => {
        const estimated = (sources.get(field.id) ?? []).map((source) => ({
          provider: source.provider,
          inUse: source.inUse?.(deps) ?? true,
          priceMicros: source.priceMicros?.(deps) ?? 0,
          perSecond: source.perSecond?.(deps) ?? null,
        }));
        const past = history.find((each) => each.field === field.id) ?? null;
        return estimateField({ ...field, sources: estimated, history: past }, sample, total);
      });
      const slowest = estimates.toSorted((a, b) => (b.durationSeconds ?? 0) - (a.durationSeconds ?? 0))[0];
      const most = estimates.reduce((sum, { costMicros }) => sum + costMicros.most, 0);
      const cap = request.maxCostMicros;
      return ok(c, {
        prospects: total,
        costMicros: {
          expected: estimates.reduce((sum, { costMicros }) => sum + costMicros.expected, 0),
          most: cap === null ? most : Math.min(most, cap),
        },
        durationSeconds: slowest?.durationSeconds ?? 0,
        /** The field that takes longest at its provider's own limit. */
        limitedBy: slowest?.durationSeconds ? slowest.field : null,
        fields: estimates,
      });
    })
    .get("/jobs/:id", async (c) => {
      const id = z.uuid().safeParse(c.req.param("id"));
      const job = id.success
        ? await inWorkspace(deps.db, c.get("workspaceId"), (tx) => jobProgress(tx, id.data))
        : null;
      if (!job) throw new NotFoundError("job_not_found", "There is no such job.");
      const fields = Object.fromEntries(plan.fields.flatMap(({ id }) => inOrder(id, job.fields[id])));
      return ok(c, { ...job, fields });
    });
}

/** The plan's order, and the counts' own: JSON from the database has lost both. */
function inOrder(field: string, counts: FieldCounts | undefined): [string, FieldCounts][] {
  if (!counts) return [];
  const { found, notFound, inReview, failed, skipped, ineligible, costMicros } = counts;
  return [[field, { found, notFound, inReview, failed, skipped, ineligible, costMicros }]];
}
