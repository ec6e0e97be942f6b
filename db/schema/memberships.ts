import { pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt } from "./columns.ts";

/** As in src/domain/access/principal.ts, which this folder does not know. */
export const memberRoles = ["owner", "admin", "operator", "sales", "viewer"] as const;
export type MemberRole = (typeof memberRoles)[number];

export const memberships = pgTable("memberships", {
  workspaceId: uuid("workspace_id").notNull(),
  userId: uuid("user_id").notNull(),
  role: text("role", { enum: memberRoles }).notNull(),
  createdAt: createdAt(),
});
