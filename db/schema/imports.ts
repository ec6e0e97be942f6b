import { bigint, integer, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";

/** Which rows of a file are wanted. Both lists empty or absent: all. */
export interface ImportFilter {
  /** CAEN prefixes, such as "01" or "0111". */
  caen?: string[];
  /** County names as the file writes them, compared without case and diacritics. */
  counties?: string[];
}

/** One uploaded registry export. `rows = imported + duplicates + rejected` at every moment (a CHECK). */
export const imports = pgTable("imports", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  jobId: uuid("job_id").notNull(),
  fileName: text("file_name").notNull(),
  format: text("format", { enum: ["onrc", "csv"] }).notNull(),
  delimiter: text("delimiter").notNull(),
  filePath: text("file_path").notNull(),
  statesPath: text("states_path"),
  activitiesPath: text("activities_path"),
  sizeBytes: bigint("size_bytes", { mode: "number" }).notNull(),
  sha256: text("sha256").notNull(),
  filter: jsonb("filter").$type<ImportFilter>().notNull().default({}),
  status: text("status", { enum: ["pending", "loading", "done", "failed"] })
    .notNull()
    .default("pending"),
  rows: bigint("rows", { mode: "number" }).notNull().default(0),
  imported: bigint("imported", { mode: "number" }).notNull().default(0),
  duplicates: bigint("duplicates", { mode: "number" }).notNull().default(0),
  rejected: bigint("rejected", { mode: "number" }).notNull().default(0),
  rejectedBy: jsonb("rejected_by").$type<Record<string, number>>().notNull().default({}),
  resumeOffsetBytes: bigint("resume_offset_bytes", { mode: "number" }).notNull().default(0),
  resumeLine: bigint("resume_line", { mode: "number" }).notNull().default(0),
  errorMessage: text("error_message"),
  attempt: integer("attempt").notNull().default(1),
  runId: text("run_id"),
  deadlineAt: instant("deadline_at"),
  createdAt: createdAt(),
  endedAt: instant("ended_at"),
  /** When retention has removed the uploaded files. */
  filesRemovedAt: instant("files_removed_at"),
});
