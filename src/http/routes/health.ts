import { sql } from "drizzle-orm";
import { Hono } from "hono";
import type { Deps } from "#src/deps.ts";
import type { AppEnv } from "../envelope.ts";

/** /healthz: the process answers. /readyz: it has synced with the engine, and Postgres and Redis answer it. */
export function healthRoutes(deps: Deps, isSynced: () => boolean) {
  return new Hono<AppEnv>()
    .get("/healthz", (c) => c.json({ status: "ok" }))
    .get("/readyz", async (c) => {
      const answers = (check: Promise<unknown>) =>
        check.then(
          () => true,
          () => false,
        );
      const [postgres, redis] = await Promise.all([
        answers(deps.db.execute(sql`SELECT 1`)),
        answers(deps.redis.ping()),
      ]);
      const parts = { postgres, redis, engineSynced: isSynced() };
      const ready = Object.values(parts).every(Boolean);
      return c.json({ status: ready ? "ready" : "not ready", parts }, ready ? 200 : 503);
    });
}
