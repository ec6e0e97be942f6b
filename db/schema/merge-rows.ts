import { bigint, jsonb, pgTable, primaryKey, smallint, text, uuid } from "drizzle-orm/pg-core";

export const mergeRoles = ["kept", "merged", "moved"] as const;

/** A prospect that a merge touched, with its row as it was before. */
export const mergeRows = pgTable(
  "merge_rows",
  {
    mergeId: uuid("merge_id").notNull(),
    prospectId: uuid("prospect_id").notNull(),
    workspaceId: uuid("workspace_id").notNull(),
    role: text("role", { enum: mergeRoles }).notNull(),
    scorePct: smallint("score_pct"),
    reasons: jsonb("reasons").$type<{ part: string; points: number }[]>(),
    before: jsonb("before").notNull(),
    valuesDigest: bigint("values_digest", { mode: "bigint" }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.mergeId, table.prospectId] })],
);
