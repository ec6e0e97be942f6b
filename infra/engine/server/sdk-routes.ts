import { randomUUID } from "node:crypto";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import { BadEvent, parseEvents } from "../protocol/events.ts";
import { parseOps } from "../protocol/ops.ts";
import { sameText } from "../protocol/signing.ts";
import type { ServerContext } from "./context.ts";
import { readJson, refuse } from "./requests.ts";

/** A request may carry many events; all of them together, in bytes. */
const MAX_EVENTS_BYTES = 16 * 1024 * 1024;

const registerSchema = z.looseObject({
  url: z.url(),
  appName: z.string().min(1).max(256),
  sdk: z.string().default(""),
  functions: z.array(z.unknown()),
});
const checkpointSchema = z.looseObject({
  qi_id: z.string(),
  request_id: z.string().default(""),
  steps: z.array(z.unknown()),
});

/** What the SDK asks for: to take events and functions, to keep steps, to give state too large for a call. */
export function sdkRoutes(context: ServerContext): Hono {
  const { config, registry } = context;
  const { pool } = context.database;
  const app = new Hono();

  app.get("/health", (c) => c.json({ status: 200, message: "OK" }));

  /** By this the SDK finds a server in dev mode. */
  app.get("/dev", (c) =>
    c.json({
      version: "local-engine",
      authed: !config.devMode,
      startOpts: { sdkURLs: [], urls: [], autodiscover: false, poll: false },
      functions: registry.all.map(({ id, slug, name, url }) => ({ id, slug, name, url })),
      handlers: [],
      isMissingSigningKey: config.devMode,
      isMissingEventKeys: config.eventKeys.length === 0,
      features: {},
    }),
  );

  /** One event or many; 200 means that they are durable. */
  const badEvents = (c: Context, error: string) => c.json({ ids: [""], status: 400, error }, 400);
  const tooLarge = `Request is over the max size: ${MAX_EVENTS_BYTES} bytes`;
  const limit = bodyLimit({ maxSize: MAX_EVENTS_BYTES, onError: (c) => badEvents(c, tooLarge) });
  app.post("/e/:eventKey", limit, async (c) => {
    const key = c.req.param("eventKey");
    if (!config.devMode && !config.eventKeys.some((known) => sameText(known, key)))
      return c.json({ status: 401, message: "", error: "Event key not found" }, 401);
    try {
      const events = parseEvents(await c.req.text(), c.req.header("x-inngest-event-id-seed"), Date.now());
      await context.accept(events);
      return c.json({ ids: events.map((event) => event.internalId), status: 200 });
    } catch (error) {
      if (error instanceof BadEvent) return badEvents(c, error.message);
      throw error;
    }
  });

  /** An app tells which functions it serves. Refused whole, with every reason named. */
  app.post("/fn/register", async (c) => {
    const result = await context.sync(await readJson(c, registerSchema));
    if (!result.ok) refuse(400, result.problems.join(" "));
    return c.json({ ok: true, modified: result.modified, sync_id: randomUUID(), app_id: result.appId });
  });

  /**
   * Steps that ran, while their request goes on. 200 means that they are durable; 409 that the request is not the
   * one being executed (it was sent again meanwhile), and shall stop.
   */
  app.post("/v1/checkpoint/:runId/async", async (c) => {
    const { qi_id, request_id, steps } = await readJson(c, checkpointSchema);
    const ops = (steps.length === 0 ? [] : parseOps(steps)) ?? refuse(400, "The checkpoint cannot be read.");
    const result = await context.executor.checkpoint(c.req.param("runId"), qi_id, request_id, ops);
    if (result === "stale") refuse(409, "This request is not being executed any more.");
    if (result === "bad") refuse(400, "Only steps that ran can be checkpointed.");
    return c.body(null, 200);
  });

  app.get("/v0/runs/:id/actions", async (c) => {
    const found = await pool.query(
      "select s.step_id, s.memo from run r left join step s on s.run_id = r.id and s.memo is not null where r.id = $1",
      [c.req.param("id")],
    );
    if (found.rowCount === 0) refuse(404, "run not found");
    const done = found.rows.filter((row) => row.step_id !== null);
    return json(c, `{${done.map((row) => `${JSON.stringify(row.step_id)}:${row.memo}`).join(",")}}`);
  });

  app.get("/v0/runs/:id/batch", async (c) => {
    const found = await pool.query(
      `select e.body from run r left join run_event v on v.run_id = r.id
       join event e on e.internal_id = coalesce(v.event_id, r.event_id) where r.id = $1 order by v.position`,
      [c.req.param("id")],
    );
    if (found.rowCount === 0) refuse(404, "run not found");
    return json(c, `[${found.rows.map((row) => row.body).join(",")}]`);
  });
  return app;
}

/** JSON that is text already. */
function json(c: Context, text: string): Response {
  return c.body(text, 200, { "content-type": "application/json" });
}
