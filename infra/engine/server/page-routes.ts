import { type Context, Hono } from "hono";
import { csrf } from "hono/csrf";
import { secureHeaders } from "hono/secure-headers";
import { listRuns, readTimeline } from "../state/run-queries.ts";
import type { ServerContext } from "./context.ts";
import { messagePage, PAGE_SIZE, runPage, runsPage, signInPage } from "./page-views.ts";
import { Sessions } from "./session.ts";

/** The engine's page: functions, runs, one run's timeline, and what may be done to them. Plain HTML and forms. */
export function pageRoutes(context: ServerContext): Hono {
  const { database, operations, registry, config } = context;
  const sessions = new Sessions(config);
  const app = new Hono();
  const paths = ["/", "/sign-in", "/sign-out", "/runs/*", "/functions/*"];
  for (const path of paths) {
    app.use(
      path,
      secureHeaders({
        contentSecurityPolicy: {
          defaultSrc: ["'none'"],
          styleSrc: ["'unsafe-inline'"],
          formAction: ["'self'"],
          frameAncestors: ["'none'"],
          baseUri: ["'none'"],
        },
        referrerPolicy: "same-origin",
        strictTransportSecurity: false,
      }),
    );
    app.use(path, csrf());
    app.use(path, async (c, next) => {
      c.header("cache-control", "no-store");
      if (c.req.path === "/sign-in" && !config.devMode) return await next();
      if (await sessions.isIn(c)) return await next();
      if (c.req.header("authorization")) return c.text("Authentication failed\n", 401);
      return c.redirect("/sign-in", 303);
    });
  }

  app.get("/sign-in", (c) => c.html(signInPage(null)));
  app.post("/sign-in", async (c) => {
    const key = (await c.req.parseBody()).key;
    if (typeof key === "string" && (await sessions.signIn(c, key.trim()))) return c.redirect("/", 303);
    return c.html(signInPage("That is not this engine's signing key."), 401);
  });
  app.post("/sign-out", (c) => {
    sessions.signOut(c);
    return c.redirect("/sign-in", 303);
  });

  app.get("/", async (c) => {
    const query = c.req.query();
    const search = query.search?.trim() ?? "";
    if (search !== "") return await found(c, search);
    const fn = query.function ? registry.bySlug(query.function) : null;
    if (query.function && !fn) return c.html(messagePage("No such function", "No app serves it now."), 404);
    const filter = {
      fnId: fn?.id ?? null,
      status: /^[0-3]$/.test(query.status ?? "") ? Number(query.status) : null,
      fromMs: instant(query.from),
      toMs: instant(query.to),
      beforeId: query.before || null,
    };
    const runs = await listRuns(database, filter, PAGE_SIZE + 1);
    return c.html(runsPage({ registry, runs, query, canSignOut: !config.devMode }));
  });

  /** An id of a run opens it, one of an event lists its runs. */
  const found = async (c: Context, search: string): Promise<Response> => {
    if (await readTimeline(database, search)) return c.redirect(`/runs/${encodeURIComponent(search)}`, 303);
    const byEvent = await database.pool.query<{ id: string }>(
      `select r.id from run r where r.event_id = $1 order by r.id desc limit 1`,
      [search],
    );
    if (byEvent.rows[0]) return c.redirect(`/runs/${byEvent.rows[0].id}`, 303);
    return c.html(messagePage("Nothing found", `No run or event has the id "${search}".`), 404);
  };

  app.get("/runs/:id", async (c) => {
    const timeline = await readTimeline(database, c.req.param("id"));
    if (!timeline) return c.html(messagePage("No such run", "It may be older than the retention."), 404);
    return c.html(runPage({ registry, ...timeline, canSignOut: !config.devMode }));
  });
  app.post("/runs/:id/cancel", async (c) => {
    await operations.cancel(c.req.param("id"), "asked for on the page");
    return c.redirect(`/runs/${encodeURIComponent(c.req.param("id"))}`, 303);
  });
  app.post("/runs/:id/rerun", async (c) => {
    const { fromStep } = await c.req.parseBody();
    const result = await operations.rerun(c.req.param("id"), typeof fromStep === "string" ? fromStep : null);
    if (!result.ok) return c.html(messagePage("Not started", result.problem), 404);
    return c.redirect(`/runs/${result.runId}`, 303);
  });
  app.post("/functions/:slug/:verb{pause|resume}", async (c) => {
    const fn = registry.bySlug(c.req.param("slug"));
    if (!fn) return c.html(messagePage("No such function", "No app serves it now."), 404);
    await operations.setPaused(fn, c.req.param("verb") === "pause");
    return c.redirect("/", 303);
  });
  return app;
}

/** An instant from a form's field, in UTC; null when it is empty or none. */
function instant(text: string | undefined): number | null {
  const at = text ? Date.parse(`${text}Z`) : Number.NaN;
  return Number.isNaN(at) ? null : at;
}
