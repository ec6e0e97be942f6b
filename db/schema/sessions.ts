import { pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";

export const sessionEnds = ["signed_out", "replayed", "password_changed"] as const;
export type SessionEnd = (typeof sessionEnds)[number];

/** A sign-in, and the family of refresh tokens that came of it. */
export const sessions = pgTable("sessions", {
  id: id(),
  userId: uuid("user_id").notNull(),
  /** Where its next access token works. */
  workspaceId: uuid("workspace_id").notNull(),
  createdAt: createdAt(),
  expiresAt: instant("expires_at").notNull(),
  endedAt: instant("ended_at"),
  endedBecause: text("ended_because", { enum: sessionEnds }),
});
