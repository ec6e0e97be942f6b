import { bigint, boolean, date, integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";

/**
 * - `reserved`: its cost is held, nothing was sent. - `sending`: it may be on the wire.
 * - `settled`: answered, or paid for. - `failed`: not answered, and not paid for.
 * - `unknown`: it was on the wire and may have been paid for: never made again, for a person to look at.
 */
export const providerCallStatuses = ["reserved", "sending", "settled", "failed", "unknown"] as const;

/** The ledger of requests to providers: reserved before, settled after; a repeat finds the row and does not pay. */
export const providerCalls = pgTable("provider_calls", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  jobId: uuid("job_id").notNull(),
  provider: text("provider").notNull(),
  operation: text("operation").notNull(),
  field: text("field").notNull(),
  /** The day in Romania when it was reserved. */
  asOf: date("as_of", { mode: "string" }).notNull(),
  repeatable: boolean("repeatable").notNull(),
  idempotencyKey: text("idempotency_key").notNull(),
  subjects: integer("subjects").notNull(),
  status: text("status", { enum: providerCallStatuses }).notNull().default("reserved"),
  attempts: integer("attempts").notNull().default(1),
  /** Requests that went out, or may have. */
  requests: integer("requests").notNull().default(0),
  rateLimited: integer("rate_limited").notNull().default(0),
  reservedCostMicros: bigint("reserved_cost_micros", { mode: "number" }).notNull().default(0),
  costMicros: bigint("cost_micros", { mode: "number" }).notNull().default(0),
  /** Said by the provider beyond what was held. */
  overchargedMicros: bigint("overcharged_micros", { mode: "number" }).notNull().default(0),
  /** Subjects found. */
  found: integer("found").notNull().default(0),
  leaseUntil: instant("lease_until"),
  errorKind: text("error_kind"),
  httpStatus: integer("http_status"),
  durationMs: integer("duration_ms"),
  createdAt: createdAt(),
  endedAt: instant("ended_at"),
});
