import { Hono } from "hono";
import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { listUnknownCalls } from "#db/queries/unanswered-calls.ts";
import type { Deps } from "#src/deps.ts";
import { NotFoundError } from "#src/domain/errors.ts";
import { resolveUnknownCall } from "#src/platform/unanswered-calls.ts";
import { type AppEnv, ok } from "../envelope.ts";

const Query = z.strictObject({
  status: z.literal("unknown"),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** `meta.nextCursor` of the page before. */
  cursor: z.uuid().optional(),
});
const Resolution = z.strictObject({
  /** As the provider's own books say. */
  charged: z.boolean(),
  /** If it was: how much of what is held; default all of it. */
  costMicros: z.int().min(0).optional(),
});

/**
 * GET /provider-calls?status=unknown — paid calls of which nobody knows whether they were charged, the oldest first.
 * POST /provider-calls/:id/resolve — what a person has found out about one of them.
 */
export function providerCallRoutes(deps: Deps) {
  return new Hono<AppEnv>()
    .get("/provider-calls", async (c) => {
      const { cursor, limit } = Query.parse(c.req.query());
      const workspaceId = c.get("workspaceId");
      const rows = await inWorkspace(deps.db, workspaceId, (tx) =>
        // One more than asked for tells whether there is a next page.
        listUnknownCalls(tx, workspaceId, { afterId: cursor ?? null, limit: limit + 1 }),
      );
      const page = rows.slice(0, limit);
      return ok(c, page, { meta: { nextCursor: rows.length > limit ? page.at(-1)?.id : null } });
    })
    .post("/provider-calls/:id/resolve", async (c) => {
      const id = z.uuid().safeParse(c.req.param("id"));
      if (!id.success)
        throw new NotFoundError("call_not_found", "There is no such call with an unknown outcome.");
      const resolution = Resolution.parse(await c.req.json());
      await inWorkspace(deps.db, c.get("workspaceId"), (tx) => resolveUnknownCall(tx, id.data, resolution));
      return ok(c, { id: id.data, ...resolution });
    });
}
