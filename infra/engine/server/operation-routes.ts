import { Hono } from "hono";
import { z } from "zod";
import { countRuns } from "../state/run-queries.ts";
import type { ServerContext } from "./context.ts";
import { readJson, refuse, rerunSchema, servedFunction } from "./requests.ts";
import { bulkSchema, readBulk } from "./run-filter.ts";

const syncSchema = z.strictObject({ url: z.url() });

/** What only this engine has: metrics, pausing, reruns, bulk operations, syncing an app by its URL. */
export function operationRoutes({ database, operations, registry }: ServerContext): Hono {
  const app = new Hono();

  app.get("/metrics", async (c) =>
    c.text(await operations.metricsText(), 200, { "content-type": "text/plain; version=0.0.4" }),
  );

  app.get("/v1/functions", (c) =>
    c.json({
      data: registry.all.map((fn) => ({ id: fn.slug, name: fn.name, paused: registry.isPaused(fn) })),
    }),
  );

  app.post("/v1/functions/:slug/:verb{pause|resume}", async (c) => {
    const fn = servedFunction(registry, c.req.param("slug"));
    const paused = c.req.param("verb") === "pause";
    await operations.setPaused(fn, paused);
    return c.json({ data: { id: fn.slug, paused } });
  });

  app.post("/v1/apps/sync", async (c) => {
    const { url } = await readJson(c, syncSchema);
    const result = await operations.syncApp(url);
    if (!result.ok) refuse(400, result.problems.join(" "));
    return c.json({ data: { app_id: result.appId, modified: result.modified } });
  });

  app.post("/v1/runs/:id/rerun", async (c) => {
    const result = await operations.rerun(c.req.param("id"), await readJson(c, rerunSchema));
    if (!result.ok) refuse(404, result.problem);
    return c.json({ data: { run_id: result.runId } }, 201);
  });

  app.post("/v1/bulk/preview", async (c) => {
    const { filter } = readBulk(registry, await readJson(c, bulkSchema.partial({ id: true })));
    return c.json({ data: { count: await countRuns(database, filter) } });
  });

  app.post("/v1/bulk", async (c) => {
    const { operation, isNew } = await operations.bulk.begin(
      readBulk(registry, await readJson(c, bulkSchema)),
    );
    return c.json({ data: operation }, isNew ? 201 : 200);
  });

  app.get("/v1/bulk", async (c) => c.json({ data: await operations.bulk.list(100) }));

  app.get("/v1/bulk/:id", async (c) => {
    const operation = await operations.bulk.get(c.req.param("id"));
    return c.json({ data: operation ?? refuse(404, "bulk operation not found") });
  });

  app.delete("/v1/bulk/:id", async (c) => {
    const ended = await operations.bulk.end(c.req.param("id"));
    return ended ? c.body(null, 204) : refuse(404, "no such bulk operation is running");
  });
  return app;
}
