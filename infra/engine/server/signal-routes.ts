import { Hono } from "hono";
import { z } from "zod";
import { requireSigningKey } from "./auth.ts";
import type { ServerContext } from "./context.ts";

const bodySchema = z.looseObject({ signal: z.string().min(1).max(1_024), data: z.unknown() });

/** `POST /v1/signals`: 200 with the run that was waiting, 404 when none was. */
export function signalRoutes(context: ServerContext): Hono {
  return new Hono().post("/v1/signals", requireSigningKey(context.config), async (c) => {
    const parsed = bodySchema.safeParse(await c.req.json().catch(() => null));
    if (!parsed.success) return c.json({ error: "A signal needs a name.", data: null, status: 400 }, 400);
    const runId = await context.signal(parsed.data.signal, parsed.data.data);
    if (runId === null) return c.json({ error: "No signal found", data: null, status: 404 }, 404);
    return c.json({ data: { run_id: runId }, metadata: { fetched_at: new Date().toISOString() } });
  });
}
