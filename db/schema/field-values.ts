import { bigint, jsonb, pgTable, smallint, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";

/** One field's result for one prospect, with its provenance. Append-only across jobs; the newest counts. */
export const fieldValues = pgTable("field_values", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  prospectId: uuid("prospect_id").notNull(),
  jobId: uuid("job_id").notNull(),
  field: text("field").notNull(),
  status: text("status", { enum: ["found", "not_found", "failed", "in_review"] }).notNull(),
  value: jsonb("value").$type<Record<string, unknown>>(),
  source: text("source"),
  confidencePct: smallint("confidence_pct"),
  costMicros: bigint("cost_micros", { mode: "number" }).notNull().default(0),
  legalBasis: text("legal_basis").notNull().default("legitimate_interest"),
  snapshotId: uuid("snapshot_id"),
  errorCode: text("error_code"),
  observedAt: instant("observed_at").notNull(),
  freshUntil: instant("fresh_until").notNull(),
  createdAt: createdAt(),
});
