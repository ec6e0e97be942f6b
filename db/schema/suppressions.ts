import { pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";

export const suppressionKinds = ["email", "domain", "phone", "cui"] as const;
export type SuppressionKind = (typeof suppressionKinds)[number];

export const suppressionReasons = [
  "unsubscribe",
  "objection",
  "erasure",
  "bounce",
  "complaint",
  "manual",
] as const;
export type SuppressionReason = (typeof suppressionReasons)[number];

/** Whom nobody contacts any more: a hash, and no way back to the address. Kept for ever, lifted at most. */
export const suppressions = pgTable("suppressions", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  kind: text("kind", { enum: suppressionKinds }).notNull(),
  hash: text("hash").notNull(),
  reason: text("reason", { enum: suppressionReasons }).notNull(),
  source: text("source").notNull(),
  createdBy: text("created_by").notNull(),
  createdAt: createdAt(),
  liftedAt: instant("lifted_at"),
  liftedBy: text("lifted_by"),
  liftReason: text("lift_reason"),
});
