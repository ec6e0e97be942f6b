import { Hono } from "hono";
import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { listBudgets, setLimits } from "#db/queries/budgets.ts";
import type { Deps } from "#src/deps.ts";
import { InvalidInputError } from "#src/domain/errors.ts";
import { dayInRomania } from "#src/domain/romanian-calendar.ts";
import { type AppEnv, ok } from "../envelope.ts";

const Limits = z.strictObject({
  limits: z
    .array(
      z.strictObject({
        /** Null: all providers together. */
        provider: z.string().min(1).max(100).nullable(),
        /** A day is one in Romania. */
        period: z.enum(["total", "day"]),
        /** Micro-euros; null lifts the limit. */
        limitMicros: z.int().min(0).nullable(),
      }),
    )
    .min(1)
    .max(100),
});

/**
 * GET /budgets — limits, and what is held, spent and left, of the workspace and of each provider: in all, and today.
 * PUT /budgets — sets or lifts the limits that it names, and answers as GET. One below what is spent stops spending.
 */
export function budgetRoutes(deps: Deps) {
  const today = () => dayInRomania(deps.now());
  return new Hono<AppEnv>()
    .get("/budgets", async (c) => {
      const workspaceId = c.get("workspaceId");
      return ok(c, await inWorkspace(deps.db, workspaceId, (tx) => listBudgets(tx, workspaceId, today())));
    })
    .put("/budgets", async (c) => {
      const { limits } = Limits.parse(await c.req.json());
      const known = new Set(deps.providerRuntimes.map(({ slug }) => slug));
      const unknown = limits.find(({ provider }) => provider !== null && !known.has(provider));
      if (unknown) {
        const message = `There is no provider ${unknown.provider}; there are ${[...known].join(", ")}.`;
        throw new InvalidInputError("unknown_provider", message, { field: "limits" });
      }
      const workspaceId = c.get("workspaceId");
      const budgets = await inWorkspace(deps.db, workspaceId, async (tx) => {
        await setLimits(tx, workspaceId, limits, today());
        return listBudgets(tx, workspaceId, today());
      });
      return ok(c, budgets);
    });
}
