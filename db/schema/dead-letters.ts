import { integer, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "./columns.ts";

/** A prospect and field that failed for good, until a later job has an answer. */
export const deadLetters = pgTable(
  "dead_letters",
  {
    workspaceId: uuid("workspace_id").notNull(),
    prospectId: uuid("prospect_id").notNull(),
    field: text("field").notNull(),
    jobId: uuid("job_id").notNull(),
    failures: integer("failures").notNull().default(1),
    firstCode: text("first_code").notNull(),
    firstAt: instant("first_at").notNull(),
    lastCode: text("last_code").notNull(),
    lastSource: text("last_source"),
    lastAt: instant("last_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.prospectId, table.field] })],
);
