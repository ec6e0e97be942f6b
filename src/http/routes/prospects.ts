import { Hono } from "hono";
import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { listProspects } from "#db/queries/prospects.ts";
import { prospectStatuses, tiers } from "#db/schema/prospects.ts";
import type { Deps } from "#src/deps.ts";
import { type AppEnv, ok } from "../envelope.ts";

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

/** GET /prospects — by import, status, tier, county or tax id; a page at a time. */
export function prospectRoutes(deps: Deps) {
  return new Hono<AppEnv>().get("/prospects", async (c) => {
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
