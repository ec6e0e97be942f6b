import { jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";

/** A workspace's own account at a provider. */
export const providerCredentials = pgTable("provider_credentials", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  /** Slug in the catalog. */
  provider: text("provider").notNull(),
  /** JSON, sealed by the vault. */
  sealed: text("sealed").notNull(),
  /** By part, such as `{"apiKey": "4f2a"}`; null where it is too short for that. */
  lastFour: jsonb("last_four").$type<Record<string, string | null>>().notNull(),
  createdAt: createdAt(),
  createdBy: text("created_by").notNull(),
  updatedAt: instant("updated_at").notNull().defaultNow(),
  updatedBy: text("updated_by").notNull(),
  checkedAt: instant("checked_at"),
  /** Kind of the ProviderError; null: accepted. */
  checkError: text("check_error"),
});
