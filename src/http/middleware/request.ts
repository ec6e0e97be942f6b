/** What every request gets: an id and a log line. */
import { createMiddleware } from "hono/factory";
import { v7 as uuidv7 } from "uuid";
import { maskPersonalNumbers } from "#src/domain/registry/personal-numbers.ts";
import type { Logger } from "#src/platform/logger.ts";
import { clientIp } from "../client-ip.ts";
import type { AppEnv } from "../envelope.ts";

/**
 * Gives the request an id and answers with it, and logs method, path, status and time: no query, no body.
 * @param proxies how many proxies of ours requests come through
 */
export const requestLog = (logger: Logger, proxies = 0) =>
  createMiddleware<AppEnv>(async (c, next) => {
    const requestId = uuidv7();
    c.set("requestId", requestId);
    c.set("clientIp", clientIp(c, proxies));
    c.header("x-request-id", requestId);
    const started = performance.now();
    await next();
    const ms = Math.round(performance.now() - started);
    logger.debug(
      { requestId, method: c.req.method, path: maskPersonalNumbers(c.req.path), status: c.res.status, ms },
      "request",
    );
  });
