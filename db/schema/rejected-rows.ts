import { bigint, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";

/** A row of an import that was not taken: where, why, and which field. Never its content. */
export const rejectedRows = pgTable(
  "rejected_rows",
  {
    workspaceId: uuid("workspace_id").notNull(),
    importId: uuid("import_id").notNull(),
    lineNumber: bigint("line_number", { mode: "number" }).notNull(),
    reason: text("reason").notNull(),
    field: text("field"),
  },
  (table) => [primaryKey({ columns: [table.importId, table.lineNumber] })],
);
