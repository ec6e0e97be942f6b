import { bigint, jsonb, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";

/** A row of a public register: found by tax id where it has one, else by name and place. */
export const referenceRows = pgTable(
  "reference_rows",
  {
    setId: uuid("set_id").notNull(),
    workspaceId: uuid("workspace_id").notNull(),
    dataset: text("dataset").notNull(),
    lineNumber: bigint("line_number", { mode: "number" }).notNull(),
    cui: bigint("cui", { mode: "number" }),
    name: text("name"),
    blockKey: text("block_key"),
    county: text("county"),
    locality: text("locality"),
    body: jsonb("body").$type<Record<string, unknown>>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.setId, table.lineNumber] })],
);
