import { pgTable, smallint, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";

export const endpointDeliveryStatuses = ["pending", "delivered", "failed", "missed"] as const;

/** One message on its way to one endpoint. */
export const endpointDeliveries = pgTable("endpoint_deliveries", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  endpointId: uuid("endpoint_id").notNull(),
  messageId: uuid("message_id").notNull(),
  status: text("status", { enum: endpointDeliveryStatuses }).notNull(),
  attempts: smallint("attempts").notNull().default(0),
  dueAt: instant("due_at"),
  createdAt: createdAt(),
  endedAt: instant("ended_at"),
});
