import { integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";
import { memberRoles } from "./memberships.ts";

export const apiKeys = pgTable("api_keys", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  name: text("name").notNull(),
  keySha256: text("key_sha256").notNull(),
  last4: text("last4").notNull(),
  role: text("role", { enum: memberRoles }).notNull(),
  /** Null: all that its role may. */
  scopes: text("scopes").array(),
  /** Null: as everybody. */
  requestsPerMinute: integer("requests_per_minute"),
  expiresAt: instant("expires_at"),
  createdBy: text("created_by").notNull(),
  createdAt: createdAt(),
  /** To the minute. */
  lastUsedAt: instant("last_used_at"),
  revokedAt: instant("revoked_at"),
  revokedBy: text("revoked_by"),
});
