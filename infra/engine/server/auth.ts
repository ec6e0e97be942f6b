import type { MiddlewareHandler } from "hono";
import type { EngineConfig } from "../config.ts";
import { bearerMatches } from "../protocol/signing.ts";

/** Lets a request pass that carries a signing key (or its fallback) as bearer token; in dev mode, any. */
export function requireSigningKey(config: EngineConfig): MiddlewareHandler {
  return async (c, next) => {
    if (!config.devMode && !bearerMatches(c.req.header("authorization"), config.signingKeys)) {
      return c.text("Authentication failed\n", 401);
    }
    await next();
  };
}
