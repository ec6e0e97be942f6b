import { pgTable, text } from "drizzle-orm/pg-core";
import { createdAt, id } from "./columns.ts";

/** The workspace that a fresh installation has; a service that names none works in it. */
export const DEFAULT_WORKSPACE_ID = "00000000-0000-7000-8000-000000000001";

export const workspaces = pgTable("workspaces", {
  id: id(),
  slug: text("slug").notNull(),
  name: text("name").notNull(),
  createdAt: createdAt(),
});
