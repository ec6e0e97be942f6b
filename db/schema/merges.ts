import { pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";

/** Several prospects taken for one business: `keptId` stands for all. Undone ones stay as a record. */
export const merges = pgTable("merges", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  keptId: uuid("kept_id").notNull(),
  reason: text("reason").notNull(),
  mergedBy: text("merged_by").notNull(),
  undoneBy: text("undone_by"),
  createdAt: createdAt(),
  undoneAt: instant("undone_at"),
});
