import { date, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";

/** What a provider said about one subject on one day. `claimed`: somebody is asking right now. */
export const snapshots = pgTable("snapshots", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  callId: uuid("call_id").notNull(),
  provider: text("provider").notNull(),
  subject: text("subject").notNull(),
  asOf: date("as_of", { mode: "string" }).notNull(),
  status: text("status", { enum: ["claimed", "found", "not_found"] })
    .notNull()
    .default("claimed"),
  body: jsonb("body"),
  createdAt: createdAt(),
  settledAt: instant("settled_at"),
});
