import { integer, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";

/** Events to send, written with the change that causes them. `id` is the event's id for ever. */
export const outbox = pgTable("outbox", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  name: text("name").notNull(),
  data: jsonb("data").$type<Record<string, unknown>>().notNull(),
  sends: integer("sends").notNull().default(0),
  nextSendAt: instant("next_send_at").notNull().defaultNow(),
  sentAt: instant("sent_at"),
  consumedAt: instant("consumed_at"),
  waitsFor: uuid("waits_for"),
  createdAt: createdAt(),
});
