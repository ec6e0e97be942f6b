import { jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id } from "./columns.ts";

/** What has happened, for all endpoints that want to know. */
export const webhookMessages = pgTable("webhook_messages", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  type: text("type").notNull(),
  data: jsonb("data").notNull(),
  createdAt: createdAt(),
});
