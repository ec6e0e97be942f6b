import { Hono } from "hono";
import type { Deps } from "#src/deps.ts";
import { NotFoundError, UnauthorizedError } from "#src/domain/errors.ts";
import { sameSecret } from "#src/platform/access/secrets.ts";
import type { AppEnv } from "../envelope.ts";

/** GET /metrics, for Prometheus: with `Authorization: Bearer METRICS_KEY`. Without such a key there is no such page. */
export function metricsRoutes({ config }: Deps, metricsText: () => Promise<string>) {
  return new Hono<AppEnv>().get("/metrics", async (c) => {
    const key = config.METRICS_KEY;
    if (!key) throw new NotFoundError("not_found", "Metrics are off: set METRICS_KEY.");
    const given = c.req.header("authorization")?.replace(/^Bearer /, "") ?? "";
    if (!sameSecret(given, key)) {
      throw new UnauthorizedError("unauthorized", "Send the metrics key as `Authorization: Bearer …`.");
    }
    return c.text(await metricsText(), 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
  });
}
