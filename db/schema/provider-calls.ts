import { bigint, integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";

/** The ledger of requests to providers: reserved before, settled after; a repeat finds the row and does not pay. */
export const providerCalls = pgTable("provider_calls", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  jobId: uuid("job_id").notNull(),
  provider: text("provider").notNull(),
  operation: text("operation").notNull(),
  idempotencyKey: text("idempotency_key").notNull(),
  subjects: integer("subjects").notNull(),
  status: text("status", { enum: ["reserved", "settled", "failed", "unknown"] })
    .notNull()
    .default("reserved"),
  attempts: integer("attempts").notNull().default(1),
  rateLimited: integer("rate_limited").notNull().default(0),
  reservedCostMicros: bigint("reserved_cost_micros", { mode: "number" }).notNull().default(0),
  costMicros: bigint("cost_micros", { mode: "number" }).notNull().default(0),
  leaseUntil: instant("lease_until"),
  errorKind: text("error_kind"),
  httpStatus: integer("http_status"),
  durationMs: integer("duration_ms"),
  createdAt: createdAt(),
  endedAt: instant("ended_at"),
});
