import { integer, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "./columns.ts";

export const chunkFieldStatuses = ["ready", "requested", "running", "done", "failed", "cancelled"] as const;
export type ChunkFieldStatus = (typeof chunkFieldStatuses)[number];

/** One field's work on one chunk. No row: it may not start yet. `attempt` is the fence of its writes. */
export const chunkFields = pgTable(
  "chunk_fields",
  {
    chunkId: uuid("chunk_id").notNull(),
    field: text("field").notNull(),
    workspaceId: uuid("workspace_id").notNull(),
    jobId: uuid("job_id").notNull(),
    seq: integer("seq").notNull(),
    status: text("status", { enum: chunkFieldStatuses }).notNull(),
    attempt: integer("attempt").notNull().default(1),
    runId: text("run_id"),
    version: integer("version").notNull().default(0),
    deadlineAt: instant("deadline_at"),
    waitsFor: uuid("waits_for"),
    errorCode: text("error_code"),
    errorMessage: text("error_message"),
    requestedAt: instant("requested_at"),
    startedAt: instant("started_at"),
    endedAt: instant("ended_at"),
  },
  (table) => [primaryKey({ columns: [table.chunkId, table.field] })],
);
