import { bigint, integer, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";

export const jobStatuses = [
  "queued",
  "importing",
  "enriching",
  "done",
  "failed",
  "cancelling",
  "cancelled",
] as const;
export type JobStatus = (typeof jobStatuses)[number];

/** One piece of work that somebody asked for: an import and the enrichment of what it brought, or that of prospects known before. */
export const jobs = pgTable("jobs", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  kind: text("kind", { enum: ["import", "enrich"] }).notNull(),
  status: text("status", { enum: jobStatuses }).notNull().default("queued"),
  priority: integer("priority").notNull().default(0),
  prospectsTotal: integer("prospects_total").notNull().default(0),
  chunksTotal: integer("chunks_total").notNull().default(0),
  chunksDone: integer("chunks_done").notNull().default(0),
  /** What its paid calls may cost at most; null: no limit of its own. */
  maxCostMicros: bigint("max_cost_micros", { mode: "number" }),
  maxCostMicrosPerProspect: bigint("max_cost_micros_per_prospect", { mode: "number" }),
  errorCode: text("error_code"),
  errorMessage: text("error_message"),
  selection: jsonb("selection").$type<Record<string, unknown>>(),
  fields: text("fields").array(),
  createdAt: createdAt(),
  startedAt: instant("started_at"),
  endedAt: instant("ended_at"),
});
