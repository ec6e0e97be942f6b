import { Hono } from "hono";
import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { listApprovals } from "#db/queries/approvals.ts";
import { approvalStatuses } from "#db/schema/approvals.ts";
import type { Deps } from "#src/deps.ts";
import { NotFoundError } from "#src/domain/errors.ts";
import { decide } from "#src/platform/approvals.ts";
import { type AppEnv, ok } from "../envelope.ts";

const Query = z.strictObject({
  status: z.enum(approvalStatuses).default("pending"),
  field: z.string().max(100).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.uuid().optional(),
});
const Decide = z.strictObject({
  decision: z.enum(["approve", "reject"]),
  note: z.string().max(500).optional(),
});

/**
 * GET /approvals — values that wait for a person (or, with `status`, that did), with what speaks for them; a page at a
 * time. POST /approvals/:id/decide — `{"decision": "approve" | "reject"}`; a repeat of the same is harmless.
 */
export function approvalRoutes(deps: Deps) {
  return new Hono<AppEnv>()
    .get("/approvals", async (c) => {
      const { cursor, limit, ...filter } = Query.parse(c.req.query());
      const rows = await inWorkspace(deps.db, c.get("workspaceId"), (tx) =>
        listApprovals(tx, { filter, afterId: cursor ?? null, limit: limit + 1 }),
      );
      const page = rows.slice(0, limit);
      const nextCursor = rows.length > limit ? page.at(-1)?.id : null;
      return ok(c, page, { meta: { nextCursor } });
    })
    .post("/approvals/:id/decide", async (c) => {
      const id = z.uuid().safeParse(c.req.param("id"));
      const { decision, note } = Decide.parse(await c.req.json());
      if (!id.success) throw new NotFoundError("approval_not_found", "There is no such approval.");
      const workspaceId = c.get("workspaceId");
      await inWorkspace(deps.db, workspaceId, (tx) =>
        decide(tx, workspaceId, id.data, decision, note ?? null),
      );
      return ok(c, { id: id.data, status: decision === "approve" ? "approved" : "rejected" });
    });
}
