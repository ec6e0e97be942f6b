import { bigint, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id } from "./columns.ts";

/** What a workspace may still spend; moved by its entries only. */
export const creditAccounts = pgTable("credit_accounts", {
  workspaceId: uuid("workspace_id").primaryKey(),
  balanceMicros: bigint("balance_micros", { mode: "number" }).notNull().default(0),
  reservedMicros: bigint("reserved_micros", { mode: "number" }).notNull().default(0),
  createdAt: createdAt(),
});

export const creditKinds = ["grant", "adjust", "reserve", "settle", "refund"] as const;

/** The ledger, append-only. */
export const creditEntries = pgTable("credit_entries", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  kind: text("kind", { enum: creditKinds }).notNull(),
  balanceMicros: bigint("balance_micros", { mode: "number" }).notNull(),
  reservedMicros: bigint("reserved_micros", { mode: "number" }).notNull().default(0),
  reservationId: uuid("reservation_id"),
  reference: text("reference").notNull(),
  idempotencyKey: text("idempotency_key").notNull(),
  createdBy: text("created_by"),
  createdAt: createdAt(),
});
