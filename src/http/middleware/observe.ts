/** A span and a duration for each request, under its route's pattern: paths hold ids. */
import { SpanKind, trace } from "@opentelemetry/api";
import { createMiddleware } from "hono/factory";
import { routePath } from "hono/route";
import { instruments } from "#src/platform/metrics.ts";
import type { AppEnv } from "../envelope.ts";

export const observe = createMiddleware<AppEnv>(async (c, next) => {
  const startedAt = performance.now();
  const { method } = c.req;
  await trace.getTracer("cerniq").startActiveSpan(method, { kind: SpanKind.SERVER }, async (span) => {
    try {
      await next();
    } finally {
      const route = routePath(c, -1);
      const attributes = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": c.res.status,
      };
      span.updateName(`${method} ${route}`);
      span.setAttributes({ ...attributes, "cerniq.request_id": c.get("requestId") });
      span.end();
      instruments().httpDuration.record((performance.now() - startedAt) / 1_000, attributes);
    }
  });
});
