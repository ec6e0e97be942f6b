/** The HTTP surface: functions for the engine, the API, health. Server-independent: tests call `app.request()`. */
import { Hono } from "hono";
import type { InngestFunction } from "inngest";
import { serve } from "inngest/hono";
import type { Deps } from "#src/deps.ts";
import type { RunnablePlan } from "#src/platform/chunk-work.ts";
import { createIdempotency } from "#src/platform/idempotency.ts";
import { apiEndpoints } from "./endpoints.ts";
import { type AppEnv, fail } from "./envelope.ts";
import { errorHandler } from "./errors.ts";
import { authenticate } from "./middleware/authenticate.ts";
import { crossOrigin } from "./middleware/cross-origin.ts";
import { observe } from "./middleware/observe.ts";
import { rateLimit } from "./middleware/rate-limit.ts";
import { requestLog } from "./middleware/request.ts";
import { securityHeaders } from "./middleware/security-headers.ts";
import { BODY_PATIENCE, slowBodies } from "./middleware/slow-bodies.ts";
import { mount } from "./mount.ts";
import { openApiDocument } from "./openapi.ts";
import { opsProxy } from "./ops-proxy.ts";
import { docsRoutes } from "./routes/docs.ts";
import { healthRoutes } from "./routes/health.ts";
import type { FieldSources } from "./routes/jobs.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import { webhookRoutes } from "./webhooks/receive.ts";

export const INNGEST_PATH = "/api/inngest";
const API = "/api/v1";

export interface AppParts {
  functions: readonly InngestFunction.Any[];
  plan: RunnablePlan;
  /** Where the values of each field can come from, by field. */
  sources: FieldSources;
  isSynced: () => boolean;
  /** What Prometheus reads. */
  metricsText: () => Promise<string>;
}

export function createApp(deps: Deps, { functions, plan, sources, isSynced, metricsText }: AppParts) {
  const { config, logger } = deps;
  const app = new Hono<AppEnv>();
  app.onError(errorHandler(logger));
  app.notFound((c) =>
    fail(c, 404, { code: "not_found", message: `There is nothing at ${c.req.method} ${c.req.path}.` }),
  );
  app.use(requestLog(logger, config.TRUSTED_PROXIES), securityHeaders, slowBodies(BODY_PATIENCE));
  app.use("/api/v1/*", observe);

  // The engine signs its calls; the SDK verifies them.
  const inngest = serve({
    client: deps.inngest,
    functions: [...functions],
    serveOrigin: config.appUrl,
    servePath: INNGEST_PATH,
  });
  app.on(["GET", "POST", "PUT"], INNGEST_PATH, (c) => inngest(c));

  app.route("/", healthRoutes(deps, isSynced));
  app.route("/", opsProxy(deps));
  app.route("/", metricsRoutes(deps, metricsText));
  app.route("/", webhookRoutes(deps));

  if (config.CORS_ORIGINS.length > 0) app.use(`${API}/*`, crossOrigin(config.CORS_ORIGINS));
  app.use(`${API}/*`, authenticate(deps), rateLimit(deps.rateLimiter, config.RATE_LIMIT_PER_MINUTE));
  const endpoints = apiEndpoints(deps, { functions, plan, sources, isSynced });
  const testing = config.NODE_ENV === "test";
  mount(app, API, endpoints, {
    idempotency: createIdempotency(deps),
    checkAnswers: testing,
    checkAudit: testing,
  });
  app.route(API, docsRoutes(openApiDocument(endpoints, API), API));
  return app;
}
