import { type Context, Hono } from "hono";
import { z } from "zod";
import { expressionProblem } from "../expressions.ts";
import type { BulkFilter, BulkOperation } from "../operations/bulk.ts";
import { newId } from "../protocol/ids.ts";
import { requireSigningKey } from "./auth.ts";
import type { ServerContext } from "./context.ts";

const STATUSES = ["Running", "Completed", "Failed", "Cancelled"] as const;
const NO_ENV = "00000000-0000-0000-0000-000000000000";

const expression = z
  .string()
  .min(1)
  .refine((source) => expressionProblem(source) === null, "is no CEL expression");
const bulkSchema = z.strictObject({
  id: z.string().min(1).max(200).optional(),
  kind: z.enum(["cancel", "replay"]),
  function: z.string().optional(),
  status: z.enum(STATUSES).optional(),
  from: z.iso.datetime({ offset: true }).optional(),
  to: z.iso.datetime({ offset: true }).optional(),
  if: expression.optional(),
  ratePerSecond: z.int().min(1).max(1_000).default(100),
});
const cancellationSchema = z.looseObject({
  app_id: z.string().min(1),
  function_id: z.string().min(1),
  started_after: z.iso.datetime({ offset: true }).optional(),
  started_before: z.iso.datetime({ offset: true }),
  if: expression.nullish(),
});

/** What people do to functions and runs: cancellations (as a real server), and this engine's own operations. */
export function operationRoutes(context: ServerContext): Hono {
  const { operations, registry } = context;
  const app = new Hono();
  for (const path of ["/v1/*", "/metrics"]) app.use(path, requireSigningKey(context.config));

  app.get("/metrics", async (c) =>
    c.text(await operations.metricsText(), 200, { "content-type": "text/plain; version=0.0.4" }),
  );

  app.delete("/v1/runs/:id", async (c) => {
    const id = c.req.param("id");
    if (await operations.cancel(id, "asked for over the API")) return c.body(null, 202);
    return c.json({ error: `Unable to load function run: ${id}`, data: null, status: 404 }, 404);
  });

  app.post("/v1/runs/:id/rerun", async (c) => {
    const schema = z.strictObject({ fromStep: z.string().nullish() });
    const parsed = schema.safeParse(await c.req.json().catch(() => ({})));
    if (!parsed.success) return invalid(c, parsed.error);
    const result = await operations.rerun(c.req.param("id"), parsed.data.fromStep ?? null);
    if (!result.ok) return c.json({ error: result.problem, data: null, status: 404 }, 404);
    return c.json({ data: { run_id: result.runId } }, 201);
  });

  app.get("/v1/functions", (c) =>
    c.json({
      data: registry.all.map((fn) => ({ id: fn.slug, name: fn.name, paused: registry.isPaused(fn) })),
    }),
  );

  app.post("/v1/functions/:slug/:verb{pause|resume}", async (c) => {
    const fn = registry.bySlug(c.req.param("slug"));
    if (!fn) return c.json({ error: "function not found", data: null, status: 404 }, 404);
    const paused = c.req.param("verb") === "pause";
    await operations.setPaused(fn, paused);
    return c.json({ data: { id: fn.slug, paused } });
  });

  app.post("/v1/apps/sync", async (c) => {
    const parsed = z.strictObject({ url: z.url() }).safeParse(await c.req.json().catch(() => null));
    if (!parsed.success) return invalid(c, parsed.error);
    const result = await operations.syncApp(parsed.data.url);
    if (!result.ok) return c.json({ error: result.problems.join(" "), data: null, status: 400 }, 400);
    return c.json({ data: { app_id: result.appId, modified: result.modified } });
  });

  app.post("/v1/cancellations", async (c) => {
    const parsed = cancellationSchema.safeParse(await c.req.json().catch(() => null));
    if (!parsed.success) return invalid(c, parsed.error);
    const { app_id, function_id, started_after, started_before } = parsed.data;
    const fn = registry.bySlug(function_id) ?? registry.bySlug(`${app_id}-${function_id}`);
    if (!fn || !registry.ofApp(app_id).includes(fn))
      return c.json({ error: "function not found", data: null, status: 404 }, 404);
    const filter = {
      fnId: fn.id,
      status: null,
      fromMs: started_after ? Date.parse(started_after) : 0,
      toMs: Date.parse(started_before),
      if: parsed.data.if ?? null,
    };
    const operation = await operations.bulk.begin(newId(), "cancel", filter, 1_000);
    return c.json({ data: cancellationJson(operation), metadata: fetched() }, 201);
  });

  app.get("/v1/cancellations", async (c) => {
    const all = await operations.bulk.list(100);
    const data = all.filter((operation) => operation.kind === "cancel").map(cancellationJson);
    return c.json({ data, metadata: fetched() });
  });

  app.delete("/v1/cancellations/:id", async (c) => {
    const operation = await operations.bulk.get(c.req.param("id"));
    if (!operation) return c.json({ error: "cancellation not found", data: null, status: 404 }, 404);
    await operations.bulk.end(operation.id);
    return c.body(null, 204);
  });

  app.post("/v1/bulk/preview", async (c) => {
    const request = readBulk(context, await c.req.json().catch(() => null));
    if ("problem" in request) return c.json({ error: request.problem, data: null, status: 400 }, 400);
    return c.json({ data: { count: await operations.bulk.preview(request.kind, request.filter) } });
  });

  app.post("/v1/bulk", async (c) => {
    const request = readBulk(context, await c.req.json().catch(() => null));
    if ("problem" in request) return c.json({ error: request.problem, data: null, status: 400 }, 400);
    if (!request.id) return c.json({ error: "A bulk operation needs an id.", data: null, status: 400 }, 400);
    const known = await operations.bulk.get(request.id);
    const operation =
      known ?? (await operations.bulk.begin(request.id, request.kind, request.filter, request.rate));
    return c.json({ data: operation }, known ? 200 : 201);
  });

  app.get("/v1/bulk", async (c) => c.json({ data: await operations.bulk.list(100) }));
  app.get("/v1/bulk/:id", async (c) => {
    const operation = await operations.bulk.get(c.req.param("id"));
    if (!operation) return c.json({ error: "bulk operation not found", data: null, status: 404 }, 404);
    return c.json({ data: operation });
  });
  app.delete("/v1/bulk/:id", async (c) => {
    if (await operations.bulk.end(c.req.param("id"))) return c.body(null, 204);
    return c.json({ error: "no such bulk operation is running", data: null, status: 404 }, 404);
  });
  return app;
}

/** A bulk request with its function looked up, or what is wrong with it. */
export function readBulk(
  context: ServerContext,
  raw: unknown,
): { id: string | null; kind: "cancel" | "replay"; filter: BulkFilter; rate: number } | { problem: string } {
  const parsed = bulkSchema.safeParse(raw);
  if (!parsed.success) return { problem: `The request is not valid: ${z.prettifyError(parsed.error)}` };
  const { id, kind, function: slug, status, from, to, ratePerSecond } = parsed.data;
  const fn = slug === undefined ? null : context.registry.bySlug(slug);
  if (slug !== undefined && !fn) return { problem: `There is no function "${slug}".` };
  if (status !== undefined && (status === "Running") !== (kind === "cancel"))
    return { problem: "Running runs can be cancelled, ended ones replayed." };
  return {
    id: id ?? null,
    kind,
    rate: ratePerSecond,
    filter: {
      fnId: fn?.id ?? null,
      // Unless told otherwise, what failed is replayed.
      status: status === undefined ? (kind === "replay" ? 2 : null) : STATUSES.indexOf(status),
      fromMs: from ? Date.parse(from) : 0,
      toMs: to ? Date.parse(to) : Date.now(),
      if: parsed.data.if ?? null,
    },
  };
}

function invalid(c: Context, error: z.ZodError): Response {
  return c.json(
    { error: `The request is not valid: ${z.prettifyError(error)}`, data: null, status: 400 },
    400,
  );
}

function cancellationJson(operation: BulkOperation): Record<string, unknown> {
  const { id, filter } = operation;
  return {
    id,
    environment_id: NO_ENV,
    function_id: filter.fnId,
    started_after: new Date(filter.fromMs).toISOString(),
    started_before: new Date(filter.toMs).toISOString(),
    ...(filter.if === null ? {} : { if: filter.if }),
    created_at: operation.createdAt.toISOString(),
    state: operation.status,
  };
}

function fetched(): { fetched_at: string } {
  return { fetched_at: new Date().toISOString() };
}
