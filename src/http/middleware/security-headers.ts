import { createMiddleware } from "hono/factory";
import { secureHeaders } from "hono/secure-headers";

/** Answers are data: nothing in them may be loaded, run or framed. A page that needs more says so itself. */
const NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const usual = secureHeaders({ xFrameOptions: "DENY" });

/** nosniff, no framing, no referrer, HTTPS from the first answer on; and nothing of ours is kept by caches. */
export const securityHeaders = createMiddleware(async (c, next) => {
  await usual(c, next);
  const { headers } = c.res;
  if (!headers.has("content-security-policy")) headers.set("content-security-policy", NOTHING);
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
});
