import type { MiddlewareHandler } from "hono";
import type { EngineConfig } from "../config.ts";
import { bearerMatches } from "../protocol/signing.ts";

const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i;

/**
 * In dev mode, where no key is asked for, only this machine itself is answered: not a web page from elsewhere
 * that a browser on this machine shows, nor one whose name was made to resolve to it.
 */
export function onlyThisMachine(config: EngineConfig): MiddlewareHandler {
  return async (c, next) => {
    const origin = c.req.header("origin");
    const hosts = [c.req.header("host") ?? "", ...(origin ? [origin.replace(/^https?:\/\//, "")] : [])];
    if (config.devMode && !hosts.every((host) => LOOPBACK.test(host)))
      return c.text("In dev mode the engine answers to this machine only.\n", 403);
    await next();
  };
}

/** Lets a request pass that carries a signing key (or its fallback) as bearer token; in dev mode, any. */
export function requireSigningKey(config: EngineConfig): MiddlewareHandler {
  return async (c, next) => {
    if (!config.devMode && !bearerMatches(c.req.header("authorization"), config.signingKeys))
      return c.text("Authentication failed\n", 401);
    await next();
  };
}
