import { Hono } from "hono";
import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { countDeadLetters, deadLetterTargets, listDeadLetters } from "#db/queries/dead-letters.ts";
import type { Deps } from "#src/deps.ts";
import { NotFoundError } from "#src/domain/errors.ts";
import type { RunnablePlan } from "#src/platform/chunk-work.ts";
import { requestEnrichment } from "#src/platform/enrich-jobs.ts";
import { type AppEnv, ok } from "../envelope.ts";
import { WorkOptions } from "../selection.ts";

const filter = {
  field: z.string().max(100).optional(),
  code: z.string().max(100).optional(),
  source: z.string().max(100).optional(),
  jobId: z.uuid().optional(),
};
const Query = z.strictObject({
  ...filter,
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** `meta.nextCursor` of the page before. */
  cursor: z
    .string()
    .regex(/^[0-9a-f-]{36}:[a-z0-9-]+$/)
    .optional(),
});
const Retry = z.strictObject({
  filter: z.strictObject(filter),
  /** Only counts what would be asked again. */
  preview: z.boolean().default(false),
  ...WorkOptions.omit({ fields: true }).shape,
});

/**
 * GET /dead-letters — prospects and fields that failed for good, with the first and the last reason; a page at a time,
 * by field, code, source or job. `meta.counts` sums them up.
 * POST /dead-letters/retry — asks about them again, as one job; with `preview` it only counts.
 */
export function deadLetterRoutes(deps: Deps, plan: RunnablePlan) {
  return new Hono<AppEnv>()
    .get("/dead-letters", async (c) => {
      const { cursor, limit, ...wanted } = Query.parse(c.req.query());
      const [prospectId = "", field = ""] = cursor?.split(/:(.*)/s) ?? [];
      const after = cursor ? { prospectId, field } : null;
      const { rows, counts } = await inWorkspace(deps.db, c.get("workspaceId"), async (tx) => ({
        rows: await listDeadLetters(tx, { filter: wanted, after, limit: limit + 1 }),
        counts: await countDeadLetters(tx, wanted),
      }));
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      const nextCursor = rows.length > limit && last ? `${last.prospectId}:${last.field}` : null;
      return ok(c, page, { meta: { nextCursor, counts } });
    })
    .post("/dead-letters/retry", async (c) => {
      const request = Retry.parse(await c.req.json());
      const workspaceId = c.get("workspaceId");
      const answer = await inWorkspace(deps.db, workspaceId, async (tx) => {
        const { prospects, fields } = await deadLetterTargets(tx, request.filter);
        if (request.preview) return { prospects, fields, jobId: null };
        const known = fields.filter((field) => plan.fields.some(({ id }) => id === field));
        if (known.length === 0) throw new NotFoundError("nothing_to_retry", "No dead letter matches.");
        const jobId = await requestEnrichment(tx, deps, plan, {
          workspaceId,
          selection: { deadLetters: request.filter },
          fields: known,
          priority: request.priority,
          maxCostMicros: request.maxCostMicros,
          maxCostMicrosPerProspect: request.maxCostMicrosPerProspect,
        });
        return { prospects, fields: known, jobId };
      });
      return ok(c, answer, { status: request.preview ? 200 : 202 });
    });
}
