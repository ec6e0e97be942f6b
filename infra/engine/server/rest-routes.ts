import { type Context, Hono } from "hono";
import { z } from "zod";
import type { BulkOperation } from "../operations/bulk.ts";
import type { FunctionSpec, Trigger } from "../protocol/functions.ts";
import { newId } from "../protocol/ids.ts";
import { RunStatus } from "../state/rows.ts";
import { type ListedRun, selectRuns } from "../state/run-queries.ts";
import type { ServerContext } from "./context.ts";
import { readJson, refuse } from "./requests.ts";
import { expression, instant, STATUSES } from "./run-filter.ts";

const NO_ENV = "00000000-0000-0000-0000-000000000000";
/** Runs per second that a cancellation ends. */
const CANCELLATION_RATE = 1_000;

const signalSchema = z.looseObject({ signal: z.string().min(1).max(1_024), data: z.unknown() });
const cancellationSchema = z.looseObject({
  app_id: z.string().min(1),
  function_id: z.string().min(1),
  started_after: instant.default(0),
  started_before: instant,
  if: expression.nullish(),
});

interface StoredEvent {
  internal_id: string;
  received_at: Date;
  body: string;
}

/** The REST API, version 1, as a real server has it. */
export function restRoutes(context: ServerContext): Hono {
  const { database, operations, registry } = context;
  const app = new Hono();
  const rows = async <Row>(sql: string, ...values: unknown[]): Promise<Row[]> =>
    (await database.pool.query(sql, values)).rows;

  app.get("/v1/events", async (c) => {
    const limit = Math.max(1, Math.min(100, Number(c.req.query("limit")) || 20));
    const events = await rows<StoredEvent>(
      "select * from event where name not like 'inngest/%' order by internal_id desc limit $1",
      limit,
    );
    return answer(c, events.map(eventJson));
  });

  app.get("/v1/events/:id", async (c) => {
    const [event] = await rows<StoredEvent>("select * from event where internal_id = $1", c.req.param("id"));
    return answer(c, eventJson(event ?? refuse(404, "Event not found")), 5_000);
  });

  app.get("/v1/events/:id/runs", async (c) => {
    const ofEvent =
      "where event_id = $1 or id in (select run_id from run_event where event_id = $1) order by id";
    const runs = await selectRuns(database, ofEvent, c.req.param("id"));
    return answer(c, runs.map(runJson), 15_000);
  });

  app.get("/v1/runs/:id", async (c) => {
    const [run] = await selectRuns(database, "where id = $1", c.req.param("id"));
    return answer(c, runJson(run ?? noRun(c)), 3_000);
  });

  app.delete("/v1/runs/:id", async (c) => {
    const cancelled = await operations.cancel(c.req.param("id"), "asked for over the API");
    return cancelled ? c.body(null, 202) : noRun(c);
  });

  app.get("/v1/runs/:id/jobs", async (c) => {
    const jobs = await rows(
      `select id as job_id, run_id, step_id, attempt, to_timestamp(due_at_ms / 1000.0) as at
       from queue_item where run_id = $1 order by due_at_ms, id`,
      c.req.param("id"),
    );
    return answer(c, jobs, 5_000);
  });

  app.get("/v1/apps/:app/functions", (c) => c.json(registry.ofApp(c.req.param("app")).map(functionJson)));

  app.post("/v1/signals", async (c) => {
    const { signal, data } = await readJson(c, signalSchema);
    const runId = await context.signal(signal, data);
    return answer(c, { run_id: runId ?? refuse(404, "No signal found") });
  });

  app.post("/v1/cancellations", async (c) => {
    const asked = await readJson(c, cancellationSchema);
    const fn = registry
      .ofApp(asked.app_id)
      .find(({ slug }) => slug === asked.function_id || slug === `${asked.app_id}-${asked.function_id}`);
    const filter = {
      fnId: (fn ?? refuse(404, "function not found")).id,
      status: RunStatus.active,
      fromMs: asked.started_after,
      toMs: asked.started_before,
      if: asked.if ?? null,
    };
    const request = { id: newId(), kind: "cancel", rate: CANCELLATION_RATE, filter } as const;
    const { operation } = await operations.bulk.begin(request);
    c.status(201);
    return answer(c, cancellationJson(operation));
  });

  app.get("/v1/cancellations", async (c) => {
    const all = await operations.bulk.list(100);
    return answer(c, all.filter(({ kind }) => kind === "cancel").map(cancellationJson));
  });

  app.delete("/v1/cancellations/:id", async (c) => {
    const { id } = (await operations.bulk.get(c.req.param("id"))) ?? refuse(404, "cancellation not found");
    await operations.bulk.end(id);
    return c.body(null, 204);
  });
  return app;
}

/** Data in the API's envelope; `cachedMs` where a real server says how long it keeps an answer. */
function answer(c: Context, data: unknown, cachedMs?: number): Response {
  const now = Date.now();
  const cached = cachedMs === undefined ? {} : { cached_until: new Date(now + cachedMs).toISOString() };
  return c.json({ data, metadata: { fetched_at: new Date(now).toISOString(), ...cached } });
}

function noRun(c: Context): never {
  return refuse(404, `Unable to load function run: ${c.req.param("id")}`);
}

function eventJson({ internal_id, received_at, body }: StoredEvent): Record<string, unknown> {
  const { user: _user, ...event } = JSON.parse(body) as Record<string, unknown>;
  const ids = { account_id: NO_ENV, environment_id: NO_ENV, source: "", source_id: null };
  return { internal_id, ...ids, received_at, ...event };
}

function runJson(run: ListedRun): Record<string, unknown> {
  return {
    run_id: run.id,
    run_started_at: new Date(run.queuedAtMs),
    function_id: run.fnId,
    function_version: 0,
    environment_id: NO_ENV,
    event_id: run.eventId,
    status: STATUSES[run.status],
    ended_at: run.endedAtMs === null ? undefined : new Date(run.endedAtMs),
    output: run.output === null ? null : JSON.parse(run.output),
  };
}

function functionJson(fn: FunctionSpec): Record<string, unknown> {
  const { id, slug, name } = fn;
  const triggerJson = (trigger: Trigger) =>
    "cron" in trigger
      ? { cron: trigger.cron }
      : { event: trigger.event, expression: trigger.expression ?? undefined };
  const steps = [{ id: "step", name: "step", uri: fn.url, retries: fn.maxAttempts - 1 }];
  const config = { id, fv: 1, name, slug, triggers: fn.triggers.map(triggerJson), steps };
  return { internal_id: id, env_id: NO_ENV, app_id: fn.appId, id: slug, name, config };
}

function cancellationJson({ id, filter, createdAt, status }: BulkOperation): Record<string, unknown> {
  return {
    id,
    environment_id: NO_ENV,
    function_id: filter.fnId,
    started_after: new Date(filter.fromMs),
    started_before: new Date(filter.toMs),
    if: filter.if ?? undefined,
    created_at: createdAt,
    state: status,
  };
}
