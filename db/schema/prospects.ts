import { sql } from "drizzle-orm";
import { bigint, boolean, date, jsonb, pgTable, primaryKey, smallint, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, instant } from "./columns.ts";

/** An authorised activity of a company, as the registry lists it. */
export interface Activity {
  /** CAEN code, four digits. */
  code: string;
  /** Revision of the classification: 1, 2 or 3; null when the file does not say. */
  revision: number | null;
}

/** One attribute of the golden record and where it comes from. */
export interface GoldenAttribute {
  value: unknown;
  /** Provider or register, such as "onrc" or "anaf". */
  source: string;
  confidencePct: number;
  /** ISO 8601. */
  observedAt: string;
  /** The row of field_values that it survived from; null when it came with the import. */
  fieldValueId: string | null;
  /** The merged-away prospect whose value it is; absent: the prospect's own. */
  mergedFrom?: string;
}

export const prospectStatuses = ["imported", "enriched", "failed"] as const;
export const tiers = ["gold", "silver", "bronze", "unqualified"] as const;

/** A company or sole trader that we may contact: what the registry said, and the golden record. */
export const prospects = pgTable(
  "prospects",
  {
    id: uuid("id").notNull().default(sql`uuidv7()`),
    workspaceId: uuid("workspace_id").notNull(),
    importId: uuid("import_id").notNull(),
    lineNumber: bigint("line_number", { mode: "number" }).notNull(),
    /** Tax id without the RO prefix. */
    cui: bigint("cui", { mode: "number" }).notNull(),
    name: text("name").notNull(),
    registrationNumber: text("registration_number"),
    euid: text("euid"),
    legalForm: text("legal_form"),
    /** Sole traders (PFA, II, IF) are natural persons: personal data. */
    isNaturalPerson: boolean("is_natural_person").notNull().default(false),
    registeredOn: date("registered_on", { mode: "string" }),
    county: text("county"),
    locality: text("locality"),
    address: text("address"),
    postalCode: text("postal_code"),
    website: text("website"),
    registryStateCode: text("registry_state_code"),
    activities: jsonb("activities").$type<Activity[]>(),
    legalBasis: text("legal_basis").notNull().default("legitimate_interest"),
    status: text("status", { enum: prospectStatuses }).notNull().default("imported"),
    failureCode: text("failure_code"),
    golden: jsonb("golden").$type<Record<string, GoldenAttribute>>(),
    tier: text("tier", { enum: tiers }),
    fieldsFilled: smallint("fields_filled"),
    confidencePct: smallint("confidence_pct"),
    scorePct: smallint("score_pct"),
    completenessPct: smallint("completeness_pct"),
    freshnessPct: smallint("freshness_pct"),
    enrichedAt: instant("enriched_at"),
    createdAt: createdAt(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
    /** The prospect that stands for this one since they were merged; null: it stands for itself. */
    mergedInto: uuid("merged_into"),
    /** Of what the golden record was derived from, and of the record and day that the score belongs to. */
    goldenDigest: bigint("golden_digest", { mode: "bigint" }),
    scoreDigest: bigint("score_digest", { mode: "bigint" }),
    /** Keys by which duplicates are found. */
    matchName: text("match_name"),
    matchDomain: text("match_domain").generatedAlwaysAs(sql`left(golden #>> '{domain,value}', 254)`),
    matchPhone: text("match_phone").generatedAlwaysAs(sql`left(golden #>> '{phone,value}', 254)`),
    matchEmail: text("match_email").generatedAlwaysAs(sql`left(golden #>> '{email,value}', 254)`),
    /** Since when nobody may work on it, because the person has objected. */
    objectedAt: instant("objected_at"),
  },
  (table) => [primaryKey({ columns: [table.id, table.workspaceId] })],
);
