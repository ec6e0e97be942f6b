import { pgTable, text, uuid } from "drizzle-orm/pg-core";
import { id, instant } from "./columns.ts";

/** A request that its caller may repeat, and what was answered. */
export const idempotencyKeys = pgTable("idempotency_keys", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  /** Hexadecimal, as the other one. */
  keySha256: text("key_sha256").notNull(),
  requestSha256: text("request_sha256").notNull(),
  claimId: uuid("claim_id").notNull(),
  claimedAt: instant("claimed_at").notNull().defaultNow(),
  doneAt: instant("done_at"),
  /** Sealed. */
  answer: text("answer"),
  expiresAt: instant("expires_at").notNull(),
});
