import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { listBudgets, setLimits } from "#db/queries/budgets.ts";
import type { Deps } from "#src/deps.ts";
import { InvalidInputError } from "#src/domain/errors.ts";
import { dayInRomania } from "#src/domain/romanian-calendar.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";

const Provider = z.string().min(1).max(100).nullable().describe("Null: all providers together.");
const Period = z.enum(["total", "day"]).describe("A day is one in Romania.");
const LimitMicros = z.int().min(0).nullable().describe("Micro-euros; null: no limit.");

const Budgets = z.array(
  z.object({
    provider: Provider,
    period: Period,
    limitMicros: LimitMicros,
    heldMicros: z.int(),
    spentMicros: z.int(),
    leftMicros: z.int().nullable(),
  }),
);

export const budgetEndpoints = ({ db, now, providerRuntimes }: Deps): Endpoint[] => {
  const today = () => dayInRomania(now());
  return [
    endpoint(
      {
        method: "get",
        path: "/budgets",
        tag: "budgets",
        role: "viewer",
        summary: "Limits, and what is held, spent and left of them: in all, and today",
        answer: Budgets,
      },
      ({ workspaceId }) => inWorkspace(db, workspaceId, (tx) => listBudgets(tx, workspaceId, today())),
    ),
    endpoint(
      {
        method: "put",
        path: "/budgets",
        tag: "budgets",
        role: "admin",
        summary: "Sets or lifts the limits that it names",
        description: "A limit below what is spent stops all further spending. Answers as GET does.",
        body: z.strictObject({
          limits: z
            .array(z.strictObject({ provider: Provider, period: Period, limitMicros: LimitMicros }))
            .min(1)
            .max(100),
        }),
        answer: Budgets,
      },
      ({ workspaceId, audit, body: { limits } }) => {
        const known = new Set(providerRuntimes.map(({ slug }) => slug));
        const unknown = limits.find(({ provider }) => provider !== null && !known.has(provider));
        if (unknown) {
          const message = `There is no provider ${unknown.provider}; there are ${[...known].join(", ")}.`;
          throw new InvalidInputError("unknown_provider", message, { field: "limits" });
        }
        return inWorkspace(db, workspaceId, async (tx) => {
          await setLimits(tx, workspaceId, limits, today());
          const budgets = await listBudgets(tx, workspaceId, today());
          await audit(tx, {
            action: "budgets.set",
            subject: { kind: "workspace", id: workspaceId },
            details: Object.fromEntries(
              limits.map(({ provider, period, limitMicros }) => [
                `${provider ?? "all"}:${period}`,
                limitMicros,
              ]),
            ),
          });
          return budgets;
        });
      },
    ),
  ];
};
