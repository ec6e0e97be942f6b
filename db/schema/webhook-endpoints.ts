import { pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";

export const disabledReasons = ["by_hand", "failing", "gone"] as const;

/** An address of a workspace's own system that wants to know of some types of events. */
export const webhookEndpoints = pgTable("webhook_endpoints", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  url: text("url").notNull(),
  description: text("description").notNull().default(""),
  eventTypes: text("event_types").array().notNull(),
  secretSealed: text("secret_sealed").notNull(),
  secretLast4: text("secret_last4").notNull(),
  previousSealed: text("previous_sealed"),
  previousUntil: instant("previous_until"),
  disabledReason: text("disabled_reason", { enum: disabledReasons }),
  disabledAt: instant("disabled_at"),
  failingSince: instant("failing_since"),
  createdBy: text("created_by").notNull(),
  createdAt: createdAt(),
  updatedAt: instant("updated_at").notNull().defaultNow(),
});
