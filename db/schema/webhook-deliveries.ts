import { customType, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { id, instant } from "./columns.ts";

/**
 * - `received`: stored, and to be normalised. - `normalised`: its inbound events are written.
 * - `ignored`: genuine, and nothing that we follow. - `unparsed`: genuine, and not of a shape that we know.
 */
export const deliveryStatuses = ["received", "normalised", "ignored", "unparsed"] as const;
export type DeliveryStatus = (typeof deliveryStatuses)[number];

const bytea = customType<{ data: Buffer }>({ dataType: () => "bytea" });

/** Webhooks as they came in, each message once. */
export const webhookDeliveries = pgTable("webhook_deliveries", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  provider: text("provider").notNull(),
  dedupeKey: text("dedupe_key").notNull(),
  headers: jsonb("headers").$type<Record<string, string>>().notNull(),
  body: bytea("body"),
  bodySha256: bytea("body_sha256").notNull(),
  status: text("status", { enum: deliveryStatuses }).notNull().default("received"),
  eventType: text("event_type"),
  problem: text("problem"),
  receivedAt: instant("received_at").notNull().defaultNow(),
  requestedAt: instant("requested_at").notNull().defaultNow(),
  processedAt: instant("processed_at"),
});
