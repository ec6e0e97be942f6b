import { createMiddleware } from "hono/factory";
import type { Deps } from "#src/deps.ts";
import { UnauthorizedError } from "#src/domain/errors.ts";
import { identify } from "#src/platform/access/identify.ts";
import type { AppEnv } from "../envelope.ts";

/**
 * Finds out who is asking. Refuses nobody: a route that is open to all is so to one with an expired token, too.
 * `requireRole` refuses, with the reason that was found here.
 */
export const authenticate = (deps: Pick<Deps, "config" | "db" | "vault" | "now">) =>
  createMiddleware<AppEnv>(async (c, next) => {
    try {
      const principal = await identify(deps, {
        serviceKey: c.req.header("x-service-key"),
        authorization: c.req.header("authorization"),
        workspaceId: c.req.header("x-workspace-id"),
      });
      if (principal) {
        c.set("principal", principal);
        c.set("workspaceId", principal.workspaceId);
      }
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
      c.set("refusal", error);
    }
    await next();
  });
