import { jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";

export const erasureGrounds = [
  "no_longer_necessary",
  "consent_withdrawn",
  "objection",
  "unlawful",
  "legal_obligation",
] as const;
export const erasureStatuses = ["requested", "done", "failed"] as const;

/** A person whose data is removed, and what was removed where. */
export const erasures = pgTable("erasures", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  subjectSealed: text("subject_sealed"),
  ground: text("ground", { enum: erasureGrounds }).notNull(),
  requestedBy: text("requested_by").notNull(),
  status: text("status", { enum: erasureStatuses }).notNull().default("requested"),
  removed: jsonb("removed").$type<Record<string, number>>().notNull().default({}),
  createdAt: createdAt(),
  endedAt: instant("ended_at"),
});
