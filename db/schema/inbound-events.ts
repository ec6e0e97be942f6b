import { jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";

/** What providers have told us, in our words; see src/domain/inbound/inbound-event.ts. */
export const inboundEvents = pgTable("inbound_events", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  deliveryId: uuid("delivery_id").notNull(),
  provider: text("provider").notNull(),
  eventKey: text("event_key").notNull(),
  kind: text("kind").notNull(),
  channel: text("channel").notNull(),
  occurredAt: instant("occurred_at").notNull(),
  messageRef: text("message_ref"),
  conversationRef: text("conversation_ref"),
  campaignRef: text("campaign_ref"),
  contact: text("contact"),
  account: text("account"),
  subject: text("subject"),
  bodyText: text("body_text"),
  details: jsonb("details").$type<Record<string, string | number | boolean>>().notNull().default({}),
  createdAt: createdAt(),
});
