import { Hono } from "hono";
import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
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
    const fields = Object.fromEntries(
      Object.entries(job.fields).filter(([field]) => fieldIds.includes(field)),
    );
    return ok(c, { ...job, fields });
  });
}
