import { Hono } from "hono";
import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import type { FieldCounts } from "#db/queries/job-fields.ts";
import { jobProgress } from "#db/queries/jobs.ts";
import type { Deps } from "#src/deps.ts";
import { NotFoundError } from "#src/domain/errors.ts";
import { type AppEnv, ok } from "../envelope.ts";

/** GET /jobs/:id — how far a job has come. `fields` names what the plan asks for; stages are not fields. */
export function jobRoutes(deps: Deps, fieldIds: readonly string[]) {
  return new Hono<AppEnv>().get("/jobs/:id", async (c) => {
    const id = z.uuid().safeParse(c.req.param("id"));
    const job = id.success
      ? await inWorkspace(deps.db, c.get("workspaceId"), (tx) => jobProgress(tx, id.data))
      : null;
    if (!job) throw new NotFoundError("job_not_found", "There is no such job.");
    const fields = Object.fromEntries(fieldIds.flatMap((field) => inOrder(field, job.fields[field])));
    return ok(c, { ...job, fields });
  });
}

/** The plan's order, and the counts' own: JSON from the database has lost both. */
function inOrder(field: string, counts: FieldCounts | undefined): [string, FieldCounts][] {
  if (!counts) return [];
  const { found, notFound, failed, skipped, ineligible } = counts;
  return [[field, { found, notFound, failed, skipped, ineligible }]];
}
