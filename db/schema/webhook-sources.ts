import { pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";

/** How a provider proves to a workspace that it is the sender: its secret, and the one before while they change. */
export const webhookSources = pgTable("webhook_sources", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  provider: text("provider").notNull(),
  secretSealed: text("secret_sealed").notNull(),
  secretLast4: text("secret_last4").notNull(),
  previousSealed: text("previous_sealed"),
  previousUntil: instant("previous_until"),
  updatedBy: text("updated_by").notNull(),
  createdAt: createdAt(),
  updatedAt: instant("updated_at").notNull().defaultNow(),
});
