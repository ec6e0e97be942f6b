import { randomUUID } from "node:crypto";
import { Hono } from "hono";
import { z } from "zod";
import { requireSigningKey } from "./auth.ts";
import type { ServerContext } from "./context.ts";

const bodySchema = z.looseObject({
  url: z.url(),
  appName: z.string().min(1).max(256),
  sdk: z.string().default(""),
  functions: z.array(z.unknown()),
});

/** `POST /fn/register`: an app tells which functions it serves. Refused whole, with every reason named. */
export function registerRoutes(context: ServerContext): Hono {
  return new Hono().post("/fn/register", requireSigningKey(context.config), async (c) => {
    const parsed = bodySchema.safeParse(await c.req.json().catch(() => null));
    if (!parsed.success) {
      return c.json(
        { ok: false, status: 400, error: `The sync request is not valid: ${z.prettifyError(parsed.error)}` },
        400,
      );
    }
    const { url, appName, sdk, functions } = parsed.data;
    const result = await context.sync({ url, appName, sdk, functions });
    if (!result.ok)
      return c.json({ ok: false, status: 400, modified: false, error: result.problems.join(" ") }, 400);
    return c.json({ ok: true, modified: result.modified, sync_id: randomUUID(), app_id: result.appId });
  });
}
