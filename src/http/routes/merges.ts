import { Hono } from "hono";
import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { listMerges } from "#db/queries/merges.ts";
import type { Deps } from "#src/deps.ts";
import { NotFoundError } from "#src/domain/errors.ts";
import { REVIEW } from "#src/domain/matching/match.ts";
import { findDuplicates, mergeProspects, undoMerge } from "#src/platform/merges.ts";
import { type AppEnv, ok } from "../envelope.ts";

const DuplicatesQuery = z.strictObject({
  /** Points of 100; from 90 on a pair is taken to be one business. */
  minScore: z.coerce.number().int().min(0).max(100).default(REVIEW),
  cursor: z.uuid().optional(),
});
const MergeRequest = z.strictObject({
  keepId: z.uuid(),
  mergeIds: z.array(z.uuid()).min(1).max(20),
  reason: z.string().trim().min(1).max(500),
});
const MergesQuery = z.strictObject({
  prospectId: z.uuid().optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.uuid().optional(),
});

/** Until there are users, everybody acts as the API. */
const ACTOR = "api";

/**
 * GET /duplicates — pairs of prospects that may be one business, with a score and its reasons. A page goes through
 * 200 prospects and may be empty; `meta.nextCursor` is null after the last.
 * POST /merges — `{"keepId", "mergeIds", "reason"}`: one stands for all from now on. 201 with the merge's id.
 * GET /merges — what was merged, the newest first. POST /merges/:id/undo — as if it had never been.
 */
export function mergeRoutes(deps: Deps) {
  return new Hono<AppEnv>()
    .get("/duplicates", async (c) => {
      const { minScore, cursor } = DuplicatesQuery.parse(c.req.query());
      const { duplicates, nextId } = await inWorkspace(deps.db, c.get("workspaceId"), (tx) =>
        findDuplicates(tx, { afterId: cursor ?? null, minScore }),
      );
      return ok(c, duplicates, { meta: { nextCursor: nextId } });
    })
    .post("/merges", async (c) => {
      const request = MergeRequest.parse(await c.req.json());
      const workspaceId = c.get("workspaceId");
      const mergeId = await inWorkspace(deps.db, workspaceId, (tx) =>
        mergeProspects(tx, { ...request, workspaceId, by: ACTOR }, deps.now()),
      );
      return ok(c, { mergeId }, { status: 201 });
    })
    .get("/merges", async (c) => {
      const { prospectId, cursor, limit } = MergesQuery.parse(c.req.query());
      const rows = await inWorkspace(deps.db, c.get("workspaceId"), (tx) =>
        listMerges(tx, { prospectId: prospectId ?? null, beforeId: cursor ?? null, limit: limit + 1 }),
      );
      const page = rows.slice(0, limit);
      return ok(c, page, { meta: { nextCursor: rows.length > limit ? page.at(-1)?.id : null } });
    })
    .post("/merges/:id/undo", async (c) => {
      const id = z.uuid().safeParse(c.req.param("id"));
      if (!id.success) throw new NotFoundError("merge_not_found", "There is no such merge.");
      await inWorkspace(deps.db, c.get("workspaceId"), (tx) =>
        undoMerge(tx, { id: id.data, by: ACTOR }, deps.now()),
      );
      return ok(c, { mergeId: id.data, status: "undone" });
    });
}
