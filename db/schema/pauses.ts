import { pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";

export const pauseKinds = ["workspace", "function", "provider", "domain"] as const;
export type PauseKind = (typeof pauseKinds)[number];

/** What somebody has paused. Lifted ones stay as a record. */
export const pauses = pgTable("pauses", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  kind: text("kind", { enum: pauseKinds }).notNull(),
  target: text("target").notNull().default(""),
  reason: text("reason").notNull(),
  pausedBy: text("paused_by").notNull(),
  liftedBy: text("lifted_by"),
  createdAt: createdAt(),
  liftedAt: instant("lifted_at"),
});
