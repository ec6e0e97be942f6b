import { pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";
import { memberRoles } from "./memberships.ts";

/** Makes whoever has its token a member. One at a time is open for an e-mail address. */
export const invitations = pgTable("invitations", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  /** Lower case. */
  email: text("email").notNull(),
  role: text("role", { enum: memberRoles }).notNull(),
  tokenSha256: text("token_sha256").notNull(),
  invitedBy: text("invited_by").notNull(),
  createdAt: createdAt(),
  expiresAt: instant("expires_at").notNull(),
  acceptedAt: instant("accepted_at"),
  revokedAt: instant("revoked_at"),
});
