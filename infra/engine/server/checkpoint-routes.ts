import { Hono } from "hono";
import { z } from "zod";
import { parseOps } from "../protocol/ops.ts";
import { requireSigningKey } from "./auth.ts";
import type { ServerContext } from "./context.ts";

const bodySchema = z.looseObject({
  qi_id: z.string(),
  request_id: z.string().optional(),
  steps: z.array(z.unknown()),
});

/**
 * `POST /v1/checkpoint/:runId/async`: steps that ran, while their request goes on. 200 means that they are
 * durable; 409 that the request is not the one being executed (it was sent again meanwhile), and shall stop.
 */
export function checkpointRoutes(context: ServerContext): Hono {
  return new Hono().post("/v1/checkpoint/:runId/async", requireSigningKey(context.config), async (c) => {
    const parsed = bodySchema.safeParse(await c.req.json().catch(() => null));
    const ops = parsed.success && parsed.data.steps.length > 0 ? parseOps(parsed.data.steps) : [];
    if (!parsed.success || !ops) return c.json({ error: "The checkpoint cannot be read.", status: 400 }, 400);
    const { qi_id, request_id } = parsed.data;
    const result = await context.executor.checkpoint(c.req.param("runId"), qi_id, request_id ?? "", ops);
    if (result === "stale")
      return c.json({ error: "This request is not being executed any more.", status: 409 }, 409);
    if (result === "bad")
      return c.json({ error: "Only steps that ran can be checkpointed.", status: 400 }, 400);
    return c.body(null, 200);
  });
}
