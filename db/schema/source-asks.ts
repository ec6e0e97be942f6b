import { bigint, boolean, pgTable, primaryKey, smallint, text, uuid } from "drizzle-orm/pg-core";

/** What came of asking one source about one prospect, last time: for fields that have several sources. */
export const sourceAsks = pgTable(
  "source_asks",
  {
    workspaceId: uuid("workspace_id").notNull(),
    prospectId: uuid("prospect_id").notNull(),
    field: text("field").notNull(),
    source: text("source").notNull(),
    /** Tells a repeat of the same work from a new ask. */
    jobId: uuid("job_id").notNull(),
    /** 1: asked first. */
    place: smallint("place").notNull(),
    found: boolean("found").notNull(),
    costMicros: bigint("cost_micros", { mode: "number" }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.prospectId, table.field, table.source] })],
);
