import { pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, instant } from "./columns.ts";

export const refreshTokens = pgTable("refresh_tokens", {
  tokenSha256: text("token_sha256").primaryKey(),
  sessionId: uuid("session_id").notNull(),
  createdAt: createdAt(),
  expiresAt: instant("expires_at").notNull(),
  /** Used once: from then on its successor stands for it. */
  usedAt: instant("used_at"),
});
