import { pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "./columns.ts";

/** A purpose of processing personal data, as a workspace has set it down. */
export const processingPurposes = pgTable(
  "processing_purposes",
  {
    workspaceId: uuid("workspace_id").notNull(),
    purpose: text("purpose").notNull(),
    title: text("title").notNull(),
    legalBasis: text("legal_basis").notNull(),
    assessment: text("assessment").notNull(),
    assessmentReference: text("assessment_reference"),
    dataCategories: text("data_categories").array().notNull(),
    retention: text("retention").notNull(),
    updatedBy: text("updated_by").notNull(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.workspaceId, table.purpose] })],
);
