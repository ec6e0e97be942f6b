import { integer, pgTable, smallint, text, uuid } from "drizzle-orm/pg-core";
import { id, instant } from "./columns.ts";

/** Up to 100 prospects of one job: what one run works on. */
export const chunks = pgTable("chunks", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  jobId: uuid("job_id").notNull(),
  seq: integer("seq").notNull(),
  prospectIds: uuid("prospect_ids").array().notNull(),
  valuesVersion: integer("values_version").notNull().default(0),
  status: text("status", { enum: ["open", "done", "cancelled"] })
    .notNull()
    .default("open"),
  enriched: smallint("enriched").notNull().default(0),
  failed: smallint("failed").notNull().default(0),
  gold: smallint("gold").notNull().default(0),
  silver: smallint("silver").notNull().default(0),
  bronze: smallint("bronze").notNull().default(0),
  unqualified: smallint("unqualified").notNull().default(0),
  endedAt: instant("ended_at"),
});
