/**
 * The engine's dashboard and API beneath /ops/inngest: the engine has no sign-in for people, so it is reached through us,
 * by operators alone. A bearer token or service key opens it, or, for browsers, the cookie that
 * POST /api/v1/operations/dashboard-session gives. What goes in and out is named here header by header: none of our
 * credentials reaches the engine, and none of the engine's cookies comes back.
 */
import { type Context, Hono } from "hono";
import { deleteCookie, getCookie } from "hono/cookie";
import { inWorkspace } from "#db/client.ts";
import type { Deps } from "#src/deps.ts";
import type { Principal } from "#src/domain/access/principal.ts";
import { ForbiddenError, NotFoundError, UnauthorizedError } from "#src/domain/errors.ts";
import { recordAudit } from "#src/platform/audit.ts";
import { maySeeDashboard, readDashboardSession } from "#src/platform/operations/dashboard-session.ts";
import { hashedSigningKey } from "#src/platform/operations/engine-key.ts";
import type { AppEnv } from "./envelope.ts";
import { authenticate } from "./middleware/authenticate.ts";
import { rateLimit } from "./middleware/rate-limit.ts";

export const OPS = "/ops";
export const DASHBOARD = `${OPS}/inngest`;
export const DASHBOARD_COOKIE = "cerniq_ops";

/** The dashboard's own pages, and the API about runs and events. Not: sending events, registering apps, signing in. */
const ALLOWED = [
  /^\/$/,
  /^\/runs\/[\w%-]+(?:\/(?:cancel|rerun))?$/,
  /^\/functions\/[\w%-]+\/(?:pause|resume)$/,
  /^\/bulk(?:\/[\w%-]+\/stop)?$/,
  /^\/v1\/[\w/%-]+$/,
];

const REQUEST_HEADERS = ["accept", "accept-language", "content-type"];
const ANSWER_HEADERS = [
  ...["content-type", "content-language", "cache-control", "etag", "last-modified"],
  ...["content-security-policy", "x-content-type-options", "referrer-policy"],
];

export function opsProxy(deps: Deps): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  const { rateLimiter, config } = deps;
  app.use(`${DASHBOARD}/*`, authenticate(deps), rateLimit(rateLimiter, config.RATE_LIMIT_PER_MINUTE));
  app.get(DASHBOARD, (c) => c.redirect(`${DASHBOARD}/`, 308));
  // The pages have a button for it; the session at the engine is ours, not the browser's.
  app.post(`${DASHBOARD}/sign-out`, (c) => {
    deleteCookie(c, DASHBOARD_COOKIE, { path: OPS });
    return c.text("Signed out of the dashboard.\n");
  });
  app.all(`${DASHBOARD}/*`, async (c) => {
    const principal = await operatorOf(deps, c);
    const target = targetOf(deps.config.INNGEST_BASE_URL, new URL(c.req.url));
    if (c.req.method !== "GET") {
      await inWorkspace(deps.db, principal.workspaceId, (tx) =>
        recordAudit(tx, {
          actor: { kind: principal.kind, id: principal.id },
          action: "engine.operated",
          subject: { kind: "engine" },
          details: { method: c.req.method, path: target.pathname },
          correlationId: c.get("requestId"),
          ip: c.get("clientIp"),
        }),
      );
    }
    return forward(deps, c, target);
  });
  return app;
}

/** @throws UnauthorizedError, ForbiddenError */
async function operatorOf(deps: Deps, c: Context<AppEnv>): Promise<Principal> {
  const cookie = getCookie(c, DASHBOARD_COOKIE);
  const given = c.get("principal");
  const principal = given ?? (cookie === undefined ? null : await readDashboardSession(deps, cookie));
  if (!principal) {
    const how = "Ask for a session first: POST /api/v1/operations/dashboard-session.";
    throw c.get("refusal") ?? new UnauthorizedError("unauthorized", how);
  }
  if (!maySeeDashboard(principal))
    throw new ForbiddenError(
      "forbidden",
      "The dashboard is for operators of the installation's own workspace.",
    );
  // A cookie goes along by itself, whoever makes the browser send a request. Headers do not.
  if (!given && c.req.method !== "GET" && !isFromHere(c))
    throw new ForbiddenError("wrong_origin", "This may be asked by the dashboard's own pages only.");
  return principal;
}

function isFromHere(c: Context): boolean {
  const origin = URL.parse(c.req.header("origin") ?? "");
  return origin !== null && origin.host === c.req.header("host");
}

/** @throws NotFoundError for what is none of the dashboard's, or tries to leave it */
function targetOf(engineUrl: string, { pathname, search }: URL): URL {
  const path = pathname.slice(DASHBOARD.length);
  // Encoded dots and slashes would be decoded only there.
  if (/%(?:2e|2f|5c)/i.test(path) || !ALLOWED.some((allowed) => allowed.test(path)))
    throw new NotFoundError("not_found", "The dashboard has nothing there.");
  return new URL(`.${path}${search}`, engineUrl.endsWith("/") ? engineUrl : `${engineUrl}/`);
}

async function forward({ config }: Deps, c: Context<AppEnv>, target: URL): Promise<Response> {
  const headers = new Headers({ authorization: `Bearer ${hashedSigningKey(config.INNGEST_SIGNING_KEY)}` });
  for (const name of REQUEST_HEADERS) {
    const value = c.req.header(name);
    if (value !== undefined) headers.set(name, value);
  }
  // Ours was looked at; the engine compares it with its own address.
  if (c.req.header("origin") !== undefined) headers.set("origin", target.origin);
  const { body, signal } = c.req.raw;
  const answer = await fetch(target, {
    method: c.req.method,
    headers,
    redirect: "manual",
    signal,
    ...(body ? { body, duplex: "half" as const } : {}),
  });
  const passed = new Headers();
  for (const name of ANSWER_HEADERS) {
    const value = answer.headers.get(name);
    if (value !== null) passed.set(name, value);
  }
  const location = answer.headers.get("location");
  if (location !== null) passed.set("location", hereOf(location, target));
  const isPage = passed.get("content-type")?.startsWith("text/html") ?? false;
  return new Response(isPage ? beneathPrefix(await answer.text()) : answer.body, {
    status: answer.status,
    headers: passed,
  });
}

/** Where a redirect of the engine's leads, as seen from outside; one that leads elsewhere leads to the first page. */
function hereOf(location: string, target: URL): string {
  const to = new URL(location, target);
  return to.origin === target.origin ? `${DASHBOARD}${to.pathname}${to.search}` : `${DASHBOARD}/`;
}

/** Links and forms of a page name paths of the engine's own root. What is text in a page has its quotes escaped. */
const beneathPrefix = (html: string): string =>
  html.replaceAll(/ (href|action)="\/(?!\/)/g, (_, attribute) => ` ${attribute}="${DASHBOARD}/`);
