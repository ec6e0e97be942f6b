import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { fieldHistory, sampleProspects } from "#db/queries/estimates.ts";
import type { FieldCounts } from "#db/queries/job-fields.ts";
import { jobProgress } from "#db/queries/jobs.ts";
import { jobStatuses } from "#db/schema/jobs.ts";
import type { Deps } from "#src/deps.ts";
import { attributesOf } from "#src/domain/enrichment/eligibility.ts";
import { estimateField } from "#src/domain/enrichment/estimate.ts";
import { NotFoundError } from "#src/domain/errors.ts";
import { planOfJob, type RunnablePlan } from "#src/platform/chunk-work.ts";
import { requestEnrichment } from "#src/platform/enrich-jobs.ts";
import { inNameOf } from "#src/platform/provider-accounts.ts";
import { type Endpoint, endpoint, IdParams, Instant } from "../endpoint.ts";
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

const Estimate = z.object({
  prospects: z.int(),
  costMicros: z.object({ expected: z.int(), most: z.int() }),
  durationSeconds: z.number(),
  limitedBy: z.string().nullable().describe("The field that takes longest at its provider's own limit."),
  fields: z.array(
    z.object({
      field: z.string(),
      required: z.boolean(),
      rule: z.string().describe("Who is asked about, in words."),
      fresh: z.int().describe("Left alone because they have a fresh value."),
      eligible: z.int(),
      assumed: z.int().describe("How many of the eligible rest on an assumption."),
      sources: z.array(
        z.object({
          provider: z.string(),
          inUse: z.boolean(),
          priceMicros: z.number(),
          perSecond: z.number().nullable(),
        }),
      ),
      costMicros: z.object({ expected: z.int(), most: z.int() }),
      durationSeconds: z.number().nullable(),
    }),
  ),
});

const count = z.int().nonnegative();
const Counts = z.object({
  found: count,
  notFound: count,
  inReview: count.describe("Waiting for a person."),
  failed: count,
  skipped: count.describe("Left alone: failed before, or fresh."),
  ineligible: count.describe("Left out by the plan's rule for the field."),
  costMicros: count,
});
const Progress = z.object({
  id: z.uuid(),
  kind: z.enum(["import", "enrich"]),
  status: z.enum(jobStatuses),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  createdAt: Instant,
  startedAt: Instant.nullable(),
  endedAt: Instant.nullable(),
  wanted: z.array(z.string()).nullable().describe("The fields it asks for, with those they need; null: all."),
  import: z
    .object({
      id: z.uuid(),
      fileName: z.string(),
      status: z.enum(["pending", "loading", "done", "failed"]),
      rows: count,
      imported: count,
      duplicates: count,
      rejected: count,
      rejectedBy: z.record(z.string(), count),
    })
    .nullable()
    .describe("Null for a job over prospects that are there already."),
  chunks: z.object({ total: count, done: count }),
  prospects: z.object({ total: count, enriched: count, failed: count }),
  tiers: z.object({ gold: count, silver: count, bronze: count, unqualified: count }),
  fields: z.record(z.string(), Counts).describe("What the plan asks for; stages are not fields."),
  providers: z
    .record(
      z.string(),
      z.object({
        calls: count,
        retries: count,
        rateLimited: count,
        costMicros: count,
        firstSentAt: Instant.nullable(),
        lastAnsweredAt: Instant.nullable(),
      }),
    )
    .describe("Requests sent; `retries` are those sent again after one that brought no answer."),
});

/** Enough for shares to be right within a few per cent. */
const SAMPLE = 2_000;

export const jobEndpoints = (deps: Deps, plan: RunnablePlan, sources: FieldSources): Endpoint[] => [
  endpoint(
    {
      method: "post",
      path: "/jobs",
      tag: "jobs",
      role: "operator",
      summary: "Enriches prospects that are there already: asks what is missing or stale",
      body: JobRequest,
      answer: z.object({ jobId: z.uuid() }),
      status: 202,
    },
    async ({ workspaceId, audit, body: { fields, ...request } }) => {
      checkFields(plan, fields);
      const work = { ...request, workspaceId, fields: fields ?? null };
      const jobId = await inWorkspace(deps.db, workspaceId, async (tx) => {
        const id = await requestEnrichment(tx, deps, plan, work);
        const subject = { kind: "job", id };
        await audit(tx, { action: "job.requested", subject, details: { fields: fields ?? null } });
        return id;
      });
      return { jobId };
    },
  ),
  endpoint(
    {
      method: "post",
      path: "/jobs/estimate",
      tag: "jobs",
      role: "viewer",
      summary: "What a job would ask, cost and take, by field; nothing is started",
      body: JobRequest.omit({ priority: true }),
      answer: Estimate,
      audit: false,
    },
    async ({ workspaceId, body: request }) => {
      checkFields(plan, request.fields);
      const { fields } = planOfJob(plan, request.fields ?? null);
      const attributes = [...new Set(fields.flatMap(({ when }) => attributesOf(when)))];
      const { total, sample, history } = await inWorkspace(deps.db, workspaceId, async (tx) => ({
        ...(await sampleProspects(tx, request.selection, { size: SAMPLE, attributes })),
        history: await fieldHistory(tx),
      }));
      const own = await inNameOf(deps, workspaceId);
      const estimates = fields.map((field) => {
        const estimated = (sources.get(field.id) ?? []).map((source) => ({
          provider: source.provider,
          inUse: source.inUse?.(own) ?? true,
          priceMicros: source.priceMicros?.(own) ?? 0,
          perSecond: source.perSecond?.(own) ?? null,
        }));
        const past = history.find((each) => each.field === field.id) ?? null;
        return estimateField({ ...field, sources: estimated, history: past }, sample, total);
      });
      const slowest = estimates.toSorted((a, b) => (b.durationSeconds ?? 0) - (a.durationSeconds ?? 0))[0];
      const most = estimates.reduce((sum, { costMicros }) => sum + costMicros.most, 0);
      const cap = request.maxCostMicros;
      return {
        prospects: total,
        costMicros: {
          expected: estimates.reduce((sum, { costMicros }) => sum + costMicros.expected, 0),
          most: cap === null ? most : Math.min(most, cap),
        },
        durationSeconds: slowest?.durationSeconds ?? 0,
        limitedBy: slowest?.durationSeconds ? slowest.field : null,
        fields: estimates,
      };
    },
  ),
  endpoint(
    {
      method: "get",
      path: "/jobs/:id",
      tag: "jobs",
      role: "viewer",
      summary: "How far a job has come",
      params: IdParams,
      answer: Progress,
    },
    async ({ workspaceId, params: { id } }) => {
      const job = await inWorkspace(deps.db, workspaceId, (tx) => jobProgress(tx, id));
      if (!job) throw new NotFoundError("job_not_found", "There is no such job.");
      const fields = Object.fromEntries(
        plan.fields.flatMap((field) => inOrder(field.id, job.fields[field.id])),
      );
      return { ...job, fields };
    },
  ),
];

/** The plan's order, and the counts' own: JSON from the database has lost both. */
function inOrder(field: string, counts: FieldCounts | undefined): [string, FieldCounts][] {
  if (!counts) return [];
  const { found, notFound, inReview, failed, skipped, ineligible, costMicros } = counts;
  return [[field, { found, notFound, inReview, failed, skipped, ineligible, costMicros }]];
}
