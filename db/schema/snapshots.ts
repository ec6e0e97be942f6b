import { bigint, date, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";

/** What a provider said about one subject on one day. `claimed`: somebody is asking; `lost`: paid, and not heard. */
export const snapshots = pgTable("snapshots", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  callId: uuid("call_id").notNull(),
  provider: text("provider").notNull(),
  operation: text("operation").notNull(),
  subject: text("subject").notNull(),
  asOf: date("as_of", { mode: "string" }).notNull(),
  status: text("status", { enum: ["claimed", "found", "not_found", "lost"] })
    .notNull()
    .default("claimed"),
  body: jsonb("body"),
  /** For whom it was asked, and on whose budget. */
  prospectId: uuid("prospect_id"),
  costMicros: bigint("cost_micros", { mode: "number" }).notNull().default(0),
  createdAt: createdAt(),
  settledAt: instant("settled_at"),
});
