import { cors } from "hono/cors";

/**
 * Lets pages of these sites call the API, with keys and tokens of their own: cookies are not sent along.
 * @param origins such as https://app.example.ro
 */
export const crossOrigin = (origins: string[]) =>
  cors({
    origin: origins,
    allowMethods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
    allowHeaders: ["Authorization", "Content-Type", "Idempotency-Key", "X-Workspace-Id"],
    exposeHeaders: [
      "X-Request-Id",
      "Idempotent-Replayed",
      "RateLimit-Limit",
      "RateLimit-Remaining",
      "RateLimit-Reset",
      "Retry-After",
    ],
    maxAge: 600,
  });
