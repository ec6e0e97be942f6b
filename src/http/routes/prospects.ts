import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { listProspects, prospectDetail } from "#db/queries/prospects.ts";
import { prospectStatuses, tiers } from "#db/schema/prospects.ts";
import type { Deps } from "#src/deps.ts";
import { ConflictError, NotFoundError } from "#src/domain/errors.ts";
import type { RunnablePlan } from "#src/platform/chunk-work.ts";
import { requestEnrichment } from "#src/platform/enrich-jobs.ts";
import { type FieldPrices, viewProspect } from "#src/platform/prospect-view.ts";
import { inNameOf } from "#src/platform/provider-accounts.ts";
import { type Endpoint, endpoint, IdParams, Instant, Page, PageQuery } from "../endpoint.ts";
import { checkFields, WorkOptions } from "../selection.ts";
import type { FieldSources } from "./jobs.ts";

const GoldenAttribute = z.object({
  value: z.unknown(),
  source: z.string(),
  confidencePct: z.number(),
  observedAt: Instant,
  fieldValueId: z.uuid().nullable().describe("Null: it came with the import."),
  mergedFrom: z.uuid().optional().describe("The merged-away prospect whose value it is."),
});

const ProspectRow = z.object({
  id: z.uuid(),
  cui: z.int().describe("The tax id without the RO prefix."),
  name: z.string(),
  isNaturalPerson: z.boolean(),
  county: z.string().nullable(),
  locality: z.string().nullable(),
  status: z.enum(prospectStatuses),
  failureCode: z.string().nullable(),
  tier: z.enum(tiers).nullable(),
  scorePct: z.int().nullable(),
  fieldsFilled: z.int().nullable(),
  confidencePct: z.int().nullable(),
  golden: z.record(z.string(), GoldenAttribute).nullable(),
});

/** One that was asked for has the value and when it was observed; else the reason says why it was not. */
const Field = z.object({
  field: z.string(),
  required: z.boolean(),
  status: z.enum(["found", "not_found", "failed", "in_review", "ineligible", "not_asked"]),
  reason: z.string().nullable(),
  value: z.record(z.string(), z.unknown()).nullable().optional(),
  source: z.string().nullable().optional(),
  confidencePct: z.int().nullable().optional(),
  costMicros: z.int().optional(),
  observedAt: Instant.optional(),
  freshUntil: Instant.optional(),
  fresh: z.boolean().optional(),
});

const Score = z.object({
  tier: z.enum(tiers),
  fieldsFilled: z.int(),
  completenessPct: z.number(),
  confidencePct: z.number(),
  freshnessPct: z.number(),
  scorePct: z.number(),
});

const NextCall = z.object({
  field: z.string(),
  tier: z.enum(tiers).describe("That it would raise the prospect to, by itself or with the call after it."),
  missing: z.object({ attributes: z.int(), verifiedEmail: z.boolean(), confidencePct: z.number() }),
  calls: z.array(
    z.object({
      field: z.string(),
      costMicros: z.int(),
      brings: z.array(z.string()),
      probability: z.number(),
    }),
  ),
  totalMicros: z.int(),
  expectedMicros: z.int(),
  probability: z.number(),
});

const Prospect = ProspectRow.omit({ scorePct: true, fieldsFilled: true, confidencePct: true }).extend({
  registrationNumber: z.string().nullable(),
  legalForm: z.string().nullable(),
  enrichedAt: Instant.nullable(),
  objectedAt: Instant.nullable().describe(
    "Since when nobody may work on it, because the person has objected.",
  ),
  mergedInto: z.uuid().nullable(),
  mergedFrom: z.array(z.uuid()),
  golden: z
    .record(z.string(), GoldenAttribute.extend({ field: z.string().nullable() }))
    .describe("Each with the field whose value it is; null: the import's."),
  score: Score.nullable().describe("As of now; null before the first golden record."),
  fields: z.array(Field),
  nextCall: NextCall.nullable().describe(
    "The cheapest call that would raise the tier; null: none is expected to.",
  ),
});

/** On demand, somebody waits: as far ahead of bulk work as the engine lets a run be. */
const EnrichNow = z.strictObject({ ...WorkOptions.shape, priority: WorkOptions.shape.priority.default(600) });

/** On which prospects are looked at and enriched: a purpose's in the legal-basis register. */
const legalBasis = "legitimate_interest";

export const prospectEndpoints = (deps: Deps, plan: RunnablePlan, sources: FieldSources): Endpoint[] => [
  endpoint(
    {
      method: "get",
      path: "/prospects",
      tag: "prospects",
      role: "viewer",
      summary: "Prospects by import, status, tier, county or tax id",
      query: PageQuery.extend({
        importId: z.uuid().optional(),
        status: z.enum(prospectStatuses).optional(),
        tier: z.enum(tiers).optional(),
        county: z.string().min(1).max(100).optional(),
        cui: z.coerce.number().int().positive().max(9_999_999_999).optional(),
      }),
      answer: z.array(ProspectRow),
      paged: true,
    },
    ({ workspaceId, audit, query: { cursor, limit, ...filter } }) =>
      inWorkspace(deps.db, workspaceId, async (tx) => {
        const rows = await listProspects(tx, { filter, afterId: cursor ?? null, limit: limit + 1 });
        const page = Page.of(rows, limit, ({ id }) => id);
        const details = { count: page.items.length };
        await audit(tx, { action: "prospects.viewed", subject: { kind: "prospect" }, legalBasis, details });
        return page;
      }),
  ),
  endpoint(
    {
      method: "get",
      path: "/prospects/:id",
      tag: "prospects",
      role: "viewer",
      summary: "All of one prospect: golden record, fields, score, and the cheapest call to a better tier",
      params: IdParams,
      answer: Prospect,
    },
    async ({ workspaceId, audit, params: { id } }) => {
      const prices = pricesOf(await inNameOf(deps, workspaceId), sources);
      const context = { plan, prices, now: deps.now() };
      return inWorkspace(deps.db, workspaceId, async (tx) => {
        const view = await viewProspect(tx, context, id);
        if (!view) throw new NotFoundError("prospect_not_found", "There is no such prospect.");
        await audit(tx, { action: "prospect.viewed", subject: { kind: "prospect", id }, legalBasis });
        return view;
      });
    },
  ),
  endpoint(
    {
      method: "post",
      path: "/prospects/:id/enrich",
      tag: "prospects",
      role: "sales",
      summary: "Asks about one prospect, ahead of bulk work, what is missing or stale",
      params: IdParams,
      body: EnrichNow.prefault({}),
      answer: z.object({ jobId: z.uuid() }),
      status: 202,
    },
    async ({ workspaceId, audit, params: { id }, body: { fields, ...options } }) => {
      checkFields(plan, fields);
      const jobId = await inWorkspace(deps.db, workspaceId, async (tx) => {
        const prospect = await prospectDetail(tx, id);
        if (!prospect) throw new NotFoundError("prospect_not_found", "There is no such prospect.");
        if (prospect.mergedInto)
          throw new ConflictError("prospect_merged", `It was merged: enrich ${prospect.mergedInto} instead.`);
        if (prospect.objectedAt)
          throw new ConflictError(
            "prospect_objected",
            "The person has objected: nothing more is asked about it.",
          );
        const work = { ...options, workspaceId, selection: { ids: [id] }, fields: fields ?? null };
        const jobId = await requestEnrichment(tx, deps, plan, work);
        const subject = { kind: "prospect", id };
        await audit(tx, { action: "prospect.enriched", subject, legalBasis, details: { jobId } });
        return jobId;
      });
      return { jobId };
    },
  ),
];

function pricesOf(deps: Deps, sources: FieldSources): FieldPrices {
  return new Map(
    [...sources].map(([field, list]) => {
      const used = list.find(({ inUse }) => inUse?.(deps) ?? true);
      return [field, used ? (used.priceMicros?.(deps) ?? 0) : null];
    }),
  );
}
