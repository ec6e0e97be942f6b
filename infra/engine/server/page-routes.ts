import { type Context, Hono } from "hono";
import { csrf } from "hono/csrf";
import { html } from "hono/html";
import { HTTPException } from "hono/http-exception";
import { secureHeaders } from "hono/secure-headers";
import { z } from "zod";
import { countRuns, listRuns, readTimeline, selectRuns } from "../state/run-queries.ts";
import type { ServerContext } from "./context.ts";
import { type Html, layout } from "./page-layout.ts";
import { runPage } from "./page-run.ts";
import { PAGE_SIZE, runsPage } from "./page-runs.ts";
import { parse, refuse, rerunSchema, servedFunction } from "./requests.ts";
import { bulkSchema, filterSchema, readBulk, readFilter } from "./run-filter.ts";
import { isSignedIn, signIn, signOut } from "./session.ts";

/** What stands in the list's address; a filter that cannot be read is none. */
const querySchema = filterSchema
  .extend({ before: z.string().nullable().default(null), search: z.string().trim().default("") })
  .catch({ before: null, search: "" });

/** The engine's page: functions, runs, one run's timeline, and what may be done to them. Plain HTML and forms. */
export function pageRoutes(context: ServerContext): Hono {
  const { database, operations, registry, config } = context;
  const app = new Hono();
  const show = (c: Context, title: string, body: Html, isSignIn = false) =>
    c.html(layout(title, body, !config.devMode && !isSignIn));

  for (const path of ["/", "/sign-in", "/sign-out", "/runs/*", "/functions/*", "/bulk/*"])
    app.use(path, headers, csrf(), async (c, next) => {
      c.header("cache-control", "no-store");
      const isOpen = c.req.path === "/sign-in" && !config.devMode;
      if (isOpen || (await isSignedIn(c, config))) return await next();
      if (c.req.header("authorization")) return c.text("Authentication failed\n", 401);
      return c.redirect("/sign-in", 303);
    });

  app.onError((error, c) => {
    if (!(error instanceof HTTPException) || error.res) throw error;
    c.status(error.status);
    return show(c, "Not done", messagePage(error.message));
  });

  app.get("/sign-in", (c) => show(c, "Sign in", signInForm(""), true));
  app.post("/sign-in", async (c) => {
    const { key } = await c.req.parseBody();
    if (typeof key === "string" && (await signIn(c, config, key.trim()))) return c.redirect("/", 303);
    c.status(401);
    return show(c, "Sign in", signInForm("That is not this engine's signing key."), true);
  });
  app.post("/sign-out", (c) => {
    signOut(c);
    return c.redirect("/sign-in", 303);
  });

  app.get("/", async (c) => {
    const query = filled(c.req.query());
    const { search, before, ...asked } = querySchema.parse(query);
    if (search !== "") return c.redirect(`/runs/${await findRun(search)}`, 303);
    const filter = readFilter(registry, asked);
    const [runs, total, bulk] = await Promise.all([
      listRuns(database, filter, before, PAGE_SIZE + 1),
      filter.status === null ? null : countRuns(database, filter),
      operations.bulk.list(5),
    ]);
    const page = runsPage({ registry, runs, query, total, operations: bulk });
    return show(c, "Runs", page);
  });

  /** The id that was searched for when it is a run's; the newest run of the event when it is an event's. */
  const findRun = async (id: string): Promise<string> => {
    const [run] = await selectRuns(database, "where id = $1 or event_id = $1 order by id desc limit 1", id);
    return run?.id ?? refuse(404, `No run or event has the id "${id}".`);
  };

  app.get("/runs/:id", async (c) => {
    const timeline = await readTimeline(database, c.req.param("id"));
    if (!timeline) refuse(404, "There is no such run; it may be older than the retention.");
    return show(c, `Run ${timeline.run.id}`, runPage(registry, timeline));
  });

  app.post("/runs/:id/cancel", async (c) => {
    const id = c.req.param("id");
    await operations.cancel(id, "asked for on the page");
    return c.redirect(`/runs/${encodeURIComponent(id)}`, 303);
  });

  app.post("/runs/:id/rerun", async (c) => {
    const { fromStep } = parse(rerunSchema, await c.req.parseBody());
    const result = await operations.rerun(c.req.param("id"), { fromStep });
    return result.ok ? c.redirect(`/runs/${result.runId}`, 303) : refuse(404, result.problem);
  });

  app.post("/functions/:slug/:verb{pause|resume}", async (c) => {
    const fn = servedFunction(registry, c.req.param("slug"));
    await operations.setPaused(fn, c.req.param("verb") === "pause");
    return c.redirect("/", 303);
  });

  app.post("/bulk", async (c) => {
    await operations.bulk.begin(readBulk(registry, parse(bulkSchema, await c.req.parseBody())));
    return c.redirect("/", 303);
  });

  app.post("/bulk/:id/stop", async (c) => {
    await operations.bulk.end(c.req.param("id"));
    return c.redirect("/", 303);
  });
  return app;
}

const headers = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    styleSrc: ["'unsafe-inline'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
    baseUri: ["'none'"],
  },
  referrerPolicy: "same-origin",
  strictTransportSecurity: false,
});

/** The fields of a form that are not empty. */
function filled(fields: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ""));
}

function messagePage(sentence: string): Html {
  return html`<section><p>${sentence}</p><p><a href="/">All runs</a></p></section>`;
}

function signInForm(problem: string): Html {
  return html`<section><h1>Sign in</h1>
    <form method="post" action="/sign-in" class="filters">
      <label>Signing key<input type="password" name="key" autocomplete="current-password" required autofocus></label>
      <button>Sign in</button></form>
    ${problem ? html`<p class="error" role="alert">${problem}</p>` : ""}</section>`;
}
