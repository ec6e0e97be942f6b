import { bigint, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "./columns.ts";

/** What people allow to be spent. Provider "": all of them together. A day is one in Romania. */
export const budgetLimits = pgTable(
  "budget_limits",
  {
    workspaceId: uuid("workspace_id").notNull(),
    provider: text("provider").notNull().default(""),
    period: text("period", { enum: ["total", "day"] }).notNull(),
    limitMicros: bigint("limit_micros", { mode: "number" }).notNull(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.workspaceId, table.provider, table.period] })],
);

export const budgetScopes = [
  "prospect",
  "job",
  "provider_day",
  "provider",
  "workspace_day",
  "workspace",
] as const;

/** What is held and spent where a limit is set. Key: of the scope, in this order, with ":" between: provider, job, prospect, day. */
export const budgets = pgTable(
  "budgets",
  {
    workspaceId: uuid("workspace_id").notNull(),
    scope: text("scope", { enum: budgetScopes }).notNull(),
    key: text("key").notNull(),
    limitMicros: bigint("limit_micros", { mode: "number" }).notNull(),
    heldMicros: bigint("held_micros", { mode: "number" }).notNull().default(0),
    spentMicros: bigint("spent_micros", { mode: "number" }).notNull().default(0),
  },
  (table) => [primaryKey({ columns: [table.workspaceId, table.scope, table.key] })],
);
