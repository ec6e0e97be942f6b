import { Hono } from "hono";
import { requireSigningKey } from "./auth.ts";
import type { ServerContext } from "./context.ts";

/** `GET /health`, open to all, and `GET /dev`, by which the SDK finds a server in dev mode. */
export function devRoutes(context: ServerContext): Hono {
  return new Hono()
    .get("/health", (c) => c.json({ status: 200, message: "OK" }))
    .get("/dev", requireSigningKey(context.config), (c) =>
      c.json({
        version: "local-engine",
        authed: !context.config.devMode,
        startOpts: { sdkURLs: [], urls: [], autodiscover: false, poll: false },
        functions: context.registry.all.map((fn) => ({
          id: fn.id,
          slug: fn.slug,
          name: fn.name,
          url: fn.url,
        })),
        handlers: [],
        isMissingSigningKey: context.config.devMode,
        isMissingEventKeys: context.config.eventKeys.length === 0,
        features: {},
      }),
    );
}
