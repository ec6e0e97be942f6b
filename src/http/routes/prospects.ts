import { Hono } from "hono";
import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { listProspects, prospectDetail } from "#db/queries/prospects.ts";
import { prospectStatuses, tiers } from "#db/schema/prospects.ts";
import type { Deps } from "#src/deps.ts";
import { ConflictError, NotFoundError } from "#src/domain/errors.ts";
import type { RunnablePlan } from "#src/platform/chunk-work.ts";
import { requestEnrichment } from "#src/platform/enrich-jobs.ts";
import { type FieldPrices, viewProspect } from "#src/platform/prospect-view.ts";
import { type AppEnv, ok } from "../envelope.ts";
import { checkFields, WorkOptions } from "../selection.ts";
import type { FieldSources } from "./jobs.ts";

const Query = z.strictObject({
  importId: z.uuid().optional(),
  status: z.enum(prospectStatuses).optional(),
  tier: z.enum(tiers).optional(),
  county: z.string().min(1).max(100).optional(),
  cui: z.coerce.number().int().positive().max(9_999_999_999).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** `meta.nextCursor` of the page before. */
  cursor: z.uuid().optional(),
});

/** On demand, somebody waits: as far ahead of bulk work as the engine lets a run be. */
const EnrichNow = z.strictObject({ ...WorkOptions.shape, priority: WorkOptions.shape.priority.default(600) });

/**
 * GET /prospects — by import, status, tier, county or tax id; a page at a time.
 * GET /prospects/:id — its golden record, what came of each field, its score, and the cheapest call to a better tier.
 * POST /prospects/:id/enrich — asks about one prospect ahead of bulk work what is missing or stale. 202 with a job's id.
 */
export function prospectRoutes(deps: Deps, plan: RunnablePlan, sources: FieldSources) {
  const app = new Hono<AppEnv>();
  app.post("/prospects/:id/enrich", async (c) => {
    const id = z.uuid().safeParse(c.req.param("id"));
    const body = await c.req.text();
    const { fields, maxCostMicros, maxCostMicrosPerProspect, priority } = EnrichNow.parse(
      body === "" ? {} : JSON.parse(body),
    );
    checkFields(plan, fields);
    const workspaceId = c.get("workspaceId");
    const jobId = await inWorkspace(deps.db, workspaceId, async (tx) => {
      const prospect = id.success ? await prospectDetail(tx, id.data) : null;
      if (!prospect) throw new NotFoundError("prospect_not_found", "There is no such prospect.");
      if (prospect.mergedInto)
        throw new ConflictError("prospect_merged", `It was merged: enrich ${prospect.mergedInto} instead.`);
      return requestEnrichment(tx, deps, plan, {
        workspaceId,
        selection: { ids: [prospect.id] },
        fields: fields ?? null,
        priority,
        maxCostMicros,
        maxCostMicrosPerProspect,
      });
    });
    return ok(c, { jobId }, { status: 202 });
  });
  app.get("/prospects/:id", async (c) => {
    const id = z.uuid().safeParse(c.req.param("id"));
    const context = { plan, prices: pricesOf(deps, sources), now: deps.now() };
    const view = id.success
      ? await inWorkspace(deps.db, c.get("workspaceId"), (tx) => viewProspect(tx, context, id.data))
      : null;
    if (!view) throw new NotFoundError("prospect_not_found", "There is no such prospect.");
    return ok(c, view);
  });
  return app.get("/prospects", async (c) => {
    const { cursor, limit, ...filter } = Query.parse(c.req.query());
    const rows = await inWorkspace(deps.db, c.get("workspaceId"), (tx) =>
      // One more than asked for tells whether there is a next page.
      listProspects(tx, { filter, afterId: cursor ?? null, limit: limit + 1 }),
    );
    const page = rows.slice(0, limit);
    const nextCursor = rows.length > limit ? page.at(-1)?.id : null;
    return ok(c, page, { meta: { nextCursor } });
  });
}

function pricesOf(deps: Deps, sources: FieldSources): FieldPrices {
  return new Map(
    [...sources].map(([field, list]) => {
      const used = list.find(({ inUse }) => inUse?.(deps) ?? true);
      return [field, used ? (used.priceMicros?.(deps) ?? 0) : null];
    }),
  );
}
