/** What every request gets: an id, a log line, the workspace it works in, and a check of its key. */
import { createHash, timingSafeEqual } from "node:crypto";
import { createMiddleware } from "hono/factory";
import { v7 as uuidv7 } from "uuid";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";
import { UnauthorizedError } from "#src/domain/errors.ts";
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

const digest = (text: string) => createHash("sha256").update(text).digest();

/** Lets in who has the key; everybody, when none is set (then the app listens on loopback only). */
export const requireApiKey = (apiKey: string | undefined) =>
  createMiddleware<AppEnv>(async (c, next) => {
    if (apiKey) {
      const given = c.req.header("authorization")?.replace(/^Bearer /, "") ?? "";
      // Digests have one length: the comparison tells nothing of the key's.
      if (!timingSafeEqual(digest(given), digest(apiKey))) {
        throw new UnauthorizedError("unauthorized", "Send the API key as `Authorization: Bearer …`.");
      }
    }
    // Until there are users, everybody works in the one workspace that a fresh installation has.
    const workspaceId = DEFAULT_WORKSPACE_ID;
    c.set("principal", { kind: "service", id: "api", workspaceId, role: "owner", scopes: null });
    c.set("workspaceId", workspaceId);
    await next();
  });
