import { createMiddleware } from "hono/factory";
import { isAtLeast, type Role } from "#src/domain/access/principal.ts";
import { ForbiddenError, UnauthorizedError } from "#src/domain/errors.ts";
import type { AppEnv } from "../envelope.ts";

/**
 * Lets in who has at least this role, and, where an API key is confined to scopes, this scope.
 * @throws UnauthorizedError when nobody has signed in, ForbiddenError when the one who has may not
 */
export const requireRole = (least: Role, scope: string) =>
  createMiddleware<AppEnv>(async (c, next) => {
    const principal = c.get("principal");
    if (!principal) {
      throw c.get("refusal") ?? new UnauthorizedError("unauthorized", "Sign in, or send an API key.");
    }
    if (!isAtLeast(principal.role, least)) {
      throw new ForbiddenError("forbidden", `This needs the role ${least}; yours is ${principal.role}.`);
    }
    if (principal.scopes && !principal.scopes.includes(scope)) {
      throw new ForbiddenError("scope_missing", `This API key lacks the scope ${scope}.`);
    }
    await next();
  });
