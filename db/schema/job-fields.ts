import { bigint, integer, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";

/** What one job asked of one field: results so far, and how many chunks are on their way. */
export const jobFields = pgTable(
  "job_fields",
  {
    jobId: uuid("job_id").notNull(),
    workspaceId: uuid("workspace_id").notNull(),
    field: text("field").notNull(),
    outstanding: integer("outstanding").notNull().default(0),
    maxOutstanding: integer("max_outstanding").notNull(),
    found: bigint("found", { mode: "number" }).notNull().default(0),
    notFound: bigint("not_found", { mode: "number" }).notNull().default(0),
    failed: bigint("failed", { mode: "number" }).notNull().default(0),
    inReview: bigint("in_review", { mode: "number" }).notNull().default(0),
    costMicros: bigint("cost_micros", { mode: "number" }).notNull().default(0),
    ineligible: bigint("ineligible", { mode: "number" }).notNull().default(0),
    skipped: bigint("skipped", { mode: "number" }).notNull().default(0),
  },
  (table) => [primaryKey({ columns: [table.jobId, table.field] })],
);
