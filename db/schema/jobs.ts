import { integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";

/** One piece of work that somebody asked for: an import and the enrichment of what it brought. */
export const jobs = pgTable("jobs", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  kind: text("kind", { enum: ["import"] }).notNull(),
  status: text("status", { enum: ["queued", "importing", "enriching", "done", "failed"] })
    .notNull()
    .default("queued"),
  priority: integer("priority").notNull().default(0),
  prospectsTotal: integer("prospects_total").notNull().default(0),
  chunksTotal: integer("chunks_total").notNull().default(0),
  chunksDone: integer("chunks_done").notNull().default(0),
  errorCode: text("error_code"),
  errorMessage: text("error_message"),
  createdAt: createdAt(),
  startedAt: instant("started_at"),
  endedAt: instant("ended_at"),
});
