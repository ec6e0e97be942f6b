/** What every request gets: an id and a log line. */
import { createMiddleware } from "hono/factory";
import { v7 as uuidv7 } from "uuid";
import { maskPersonalNumbers } from "#src/domain/registry/personal-numbers.ts";
import type { Logger } from "#src/platform/logger.ts";
import type { AppEnv } from "../envelope.ts";

/** Gives the request an id and answers with it, and logs method, path, status and time: no query, no body. */
export const requestLog = (logger: Logger) =>
  createMiddleware<AppEnv>(async (c, next) => {
    const requestId = uuidv7();
    c.set("requestId", requestId);
    c.header("x-request-id", requestId);
    const started = performance.now();
    await next();
    const ms = Math.round(performance.now() - started);
    logger.debug(
      { requestId, method: c.req.method, path: maskPersonalNumbers(c.req.path), status: c.res.status, ms },
      "request",
    );
  });
