import { bigint, jsonb, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";

/** What an audit entry says beyond who, what and when; erasure removes rows, and the chain still verifies. */
export const auditDetails = pgTable(
  "audit_details",
  {
    workspaceId: uuid("workspace_id").notNull(),
    seq: bigint("seq", { mode: "number" }).notNull(),
    nonce: text("nonce").notNull(),
    ip: text("ip"),
    details: jsonb("details").$type<Record<string, unknown>>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.workspaceId, table.seq] })],
);
