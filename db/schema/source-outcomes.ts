import { bigint, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";

/** Sums of `source_asks` by segment, over all jobs; "" stands for not known. */
export const sourceOutcomes = pgTable(
  "source_outcomes",
  {
    workspaceId: uuid("workspace_id").notNull(),
    field: text("field").notNull(),
    source: text("source").notNull(),
    legalForm: text("legal_form").notNull(),
    /** The first two digits of the CAEN code. */
    caenDivision: text("caen_division").notNull(),
    county: text("county").notNull(),
    asked: bigint("asked", { mode: "number" }).notNull(),
    found: bigint("found", { mode: "number" }).notNull(),
    costMicros: bigint("cost_micros", { mode: "number" }).notNull(),
  },
  (table) => [
    primaryKey({
      columns: [
        table.workspaceId,
        table.field,
        table.source,
        table.legalForm,
        table.caenDivision,
        table.county,
      ],
    }),
  ],
);
