import { bigint, jsonb, pgTable, smallint, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";

export const approvalStatuses = ["pending", "approved", "rejected"] as const;

/** A value that waits for a person: good, but not good enough. */
export const approvals = pgTable("approvals", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  prospectId: uuid("prospect_id").notNull(),
  jobId: uuid("job_id").notNull(),
  field: text("field").notNull(),
  source: text("source").notNull(),
  value: jsonb("value").$type<Record<string, unknown>>().notNull(),
  confidencePct: smallint("confidence_pct").notNull(),
  reasons: jsonb("reasons").$type<{ part: string; points: number }[]>().notNull().default([]),
  freshForMs: bigint("fresh_for_ms", { mode: "number" }).notNull(),
  status: text("status", { enum: approvalStatuses }).notNull().default("pending"),
  defaultDecision: text("default_decision", { enum: ["approve", "reject"] }).notNull(),
  expiresAt: instant("expires_at").notNull(),
  decidedAt: instant("decided_at"),
  note: text("note"),
  createdAt: createdAt(),
});
