import { Hono } from "hono";
import { requireSigningKey } from "./auth.ts";
import type { ServerContext } from "./context.ts";

const STATUS = ["Running", "Completed", "Failed", "Cancelled"];
const NO_ENV = "00000000-0000-0000-0000-000000000000";

/** The REST API, version 1, and the state that apps fetch when it is too large for a call (version 0). */
export function runRoutes(context: ServerContext): Hono {
  const { pool } = context.database;
  const app = new Hono();
  app.use("/v0/*", requireSigningKey(context.config));
  app.use("/v1/*", requireSigningKey(context.config));

  app.get("/v0/runs/:id/actions", async (c) => {
    const found = await pool.query("select step_id, memo from step where run_id = $1 and memo is not null", [
      c.req.param("id"),
    ]);
    if (found.rowCount === 0) {
      const run = await pool.query("select 1 from run where id = $1", [c.req.param("id")]);
      if (run.rowCount === 0) return c.json({ error: "run not found", status: 404 }, 404);
    }
    const members = found.rows.map((row) => `${JSON.stringify(row.step_id)}:${row.memo}`);
    return c.body(`{${members.join(",")}}`, 200, { "content-type": "application/json" });
  });

  app.get("/v0/runs/:id/batch", async (c) => {
    const found = await pool.query(
      `select e.body from run r left join run_event v on v.run_id = r.id
       join event e on e.internal_id = coalesce(v.event_id, r.event_id) where r.id = $1 order by v.position`,
      [c.req.param("id")],
    );
    if (found.rowCount === 0) return c.json({ error: "run not found", status: 404 }, 404);
    return c.body(`[${found.rows.map((row) => row.body).join(",")}]`, 200, {
      "content-type": "application/json",
    });
  });

  app.get("/v1/events", async (c) => {
    const limit = Math.max(1, Math.min(100, Number(c.req.query("limit")) || 20));
    const found = await pool.query(
      "select * from event where name not like 'inngest/%' order by internal_id desc limit $1",
      [limit],
    );
    return c.json({ data: found.rows.map(eventJson), metadata: { fetched_at: new Date().toISOString() } });
  });

  app.get("/v1/events/:id", async (c) => {
    const found = await pool.query("select * from event where internal_id = $1", [c.req.param("id")]);
    if (!found.rows[0]) return c.json({ error: "Event not found", data: null, status: 404 }, 404);
    return c.json({ data: eventJson(found.rows[0]), metadata: metadata(5_000) });
  });

  app.get("/v1/events/:id/runs", async (c) => {
    const found = await pool.query(
      `select * from run where event_id = $1 or id in (select run_id from run_event where event_id = $1)
       order by id`,
      [c.req.param("id")],
    );
    return c.json({ data: found.rows.map(runJson), metadata: metadata(15_000) });
  });

  app.get("/v1/runs/:id", async (c) => {
    const id = c.req.param("id");
    const found = await pool.query("select * from run where id = $1", [id]);
    if (!found.rows[0])
      return c.json({ error: `Unable to load function run: ${id}`, data: null, status: 404 }, 404);
    return c.json({ data: runJson(found.rows[0]), metadata: metadata(3_000) });
  });

  app.get("/v1/runs/:id/jobs", async (c) => {
    const found = await pool.query("select * from queue_item where run_id = $1 order by due_at_ms, id", [
      c.req.param("id"),
    ]);
    return c.json({
      data: found.rows.map((row) => ({
        job_id: row.id,
        run_id: row.run_id,
        step_id: row.step_id,
        attempt: row.attempt,
        at: new Date(row.due_at_ms).toISOString(),
      })),
      metadata: metadata(5_000),
    });
  });

  app.get("/v1/apps/:app/functions", (c) => {
    const functions = context.registry.ofApp(c.req.param("app"));
    return c.json(
      functions.map((fn) => ({
        internal_id: fn.id,
        env_id: NO_ENV,
        app_id: fn.appId,
        id: fn.slug,
        name: fn.name,
        config: {
          id: fn.id,
          fv: 1,
          name: fn.name,
          slug: fn.slug,
          triggers: fn.triggers.map((trigger) =>
            "cron" in trigger
              ? { cron: trigger.cron }
              : {
                  event: trigger.event,
                  ...(trigger.expression === null ? {} : { expression: trigger.expression }),
                },
          ),
          steps: [{ id: "step", name: "step", uri: fn.url, retries: fn.maxAttempts - 1 }],
        },
      })),
    );
  });
  return app;
}

function metadata(cachedMs: number): { fetched_at: string; cached_until: string } {
  const now = Date.now();
  return { fetched_at: new Date(now).toISOString(), cached_until: new Date(now + cachedMs).toISOString() };
}

function eventJson(row: Record<string, unknown>): Record<string, unknown> {
  const { user: _user, ...event } = JSON.parse(String(row.body)) as Record<string, unknown>;
  return {
    internal_id: row.internal_id,
    account_id: NO_ENV,
    environment_id: NO_ENV,
    source: "",
    source_id: null,
    received_at: row.received_at,
    ...event,
  };
}

function runJson(row: Record<string, unknown>): Record<string, unknown> {
  const ended = row.ended_at_ms;
  return {
    run_id: row.id,
    run_started_at: new Date(Number(row.queued_at_ms)).toISOString(),
    function_id: row.fn_id,
    function_version: 0,
    environment_id: NO_ENV,
    event_id: row.event_id,
    status: STATUS[Number(row.status)],
    ...(ended === null ? {} : { ended_at: new Date(Number(ended)).toISOString() }),
    output: row.output === null ? null : JSON.parse(String(row.output)),
  };
}
