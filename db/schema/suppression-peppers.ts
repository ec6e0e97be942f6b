import { pgTable, text, uuid } from "drizzle-orm/pg-core";
import { id } from "./columns.ts";

/** The key of a workspace's suppression hashes, sealed by the vault. */
export const suppressionPeppers = pgTable("suppression_peppers", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  sealed: text("sealed").notNull(),
});
