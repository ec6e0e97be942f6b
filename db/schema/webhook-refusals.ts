import { date, integer, pgTable, text, uuid } from "drizzle-orm/pg-core";

/** How many webhooks were refused, by day (UTC) and reason. */
export const webhookRefusals = pgTable("webhook_refusals", {
  workspaceId: uuid("workspace_id").notNull(),
  provider: text("provider").notNull(),
  day: date("day", { mode: "string" }).notNull(),
  reason: text("reason").notNull(),
  count: integer("count").notNull(),
});
