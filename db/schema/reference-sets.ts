import { bigint, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";

/** One file of a public register, as it was imported. The active one of a dataset and part is looked things up in. */
export const referenceSets = pgTable("reference_sets", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  dataset: text("dataset").notNull(),
  part: text("part").notNull().default(""),
  fileName: text("file_name").notNull(),
  sha256: text("sha256").notNull().default(""),
  status: text("status", { enum: ["loading", "active"] })
    .notNull()
    .default("loading"),
  rows: bigint("rows", { mode: "number" }).notNull().default(0),
  stored: bigint("stored", { mode: "number" }).notNull().default(0),
  rejectedBy: jsonb("rejected_by").$type<Record<string, number>>().notNull().default({}),
  createdAt: createdAt(),
  activatedAt: instant("activated_at"),
});
