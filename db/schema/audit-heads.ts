import { bigint, pgTable, text, uuid } from "drizzle-orm/pg-core";

/** Where a workspace's audit chain stands, and after which entry what is left of it begins. */
export const auditHeads = pgTable("audit_heads", {
  workspaceId: uuid("workspace_id").primaryKey(),
  seq: bigint("seq", { mode: "number" }).notNull().default(1),
  hash: text("hash").notNull(),
  anchorSeq: bigint("anchor_seq", { mode: "number" }).notNull().default(0),
  anchorHash: text("anchor_hash").notNull(),
});
