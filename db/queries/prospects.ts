import { and, eq, gt, inArray, type SQL, sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import { type GoldenAttribute, type prospectStatuses, prospects, type tiers } from "#db/schema/prospects.ts";
import { type DeadLetterFilter, deadLetterProspects } from "./dead-letters.ts";

export interface RegistryFacts {
  id: string;
  cui: number;
  name: string;
  registrationNumber: string | null;
  euid: string | null;
  legalForm: string | null;
  registeredOn: string | null;
  county: string | null;
  locality: string | null;
  address: string | null;
  postalCode: string | null;
  website: string | null;
  activities: unknown;
  /** When the import brought it, ISO 8601. */
  importedAt: string;
}

/** What the import said of the chunk's prospects. Those that have failed are left out. */
export async function registryFacts(tx: Tx, chunkId: string): Promise<RegistryFacts[]> {
  const { rows } = await tx.execute<RegistryFacts & Record<string, unknown>>(sql`
    SELECT p.id, p.cui, p.name, p.registration_number AS "registrationNumber", p.euid, p.legal_form AS "legalForm",
           p.registered_on::text AS "registeredOn", p.county, p.locality, p.address, p.postal_code AS "postalCode",
           p.website, p.activities, p.created_at AS "importedAt"
    FROM chunks c JOIN prospects p ON p.id = ANY(c.prospect_ids)
    WHERE c.id = ${chunkId} AND p.status <> 'failed'`);
  return rows.map((row) => ({ ...row, importedAt: new Date(row.importedAt).toISOString() }));
}

export interface CurrentValue {
  id: string;
  prospectId: string;
  field: string;
  status: "found" | "not_found";
  value: Record<string, unknown> | null;
  source: string;
  confidencePct: number | null;
  observedAt: string;
}

/** The newest answer of each field for each of the chunk's prospects. Failures say nothing and are left out. */
export async function currentValues(tx: Tx, chunkId: string): Promise<CurrentValue[]> {
  const { rows } = await tx.execute<CurrentValue & Record<string, unknown>>(sql`
    SELECT DISTINCT ON (v.prospect_id, v.field) v.id, v.prospect_id AS "prospectId", v.field, v.status, v.value,
           v.source, v.confidence_pct AS "confidencePct", v.observed_at AS "observedAt"
    FROM chunks c JOIN field_values v ON v.prospect_id = ANY(c.prospect_ids)
    WHERE c.id = ${chunkId} AND v.status IN ('found', 'not_found')
    ORDER BY v.prospect_id, v.field, v.observed_at DESC, v.id DESC`);
  return rows.map((row) => ({ ...row, observedAt: new Date(row.observedAt).toISOString() }));
}

/** Writes golden records. Unchanged ones are left alone. Returns how many changed. */
export async function writeGoldenRecords(
  tx: Tx,
  records: readonly { id: string; golden: Record<string, GoldenAttribute> }[],
): Promise<number> {
  const { rowCount } = await tx.execute(sql`
    UPDATE prospects p SET golden = r.golden, updated_at = now()
    FROM jsonb_to_recordset(${JSON.stringify(records)}::jsonb) AS r (id uuid, golden jsonb)
    WHERE p.id = r.id AND p.golden IS DISTINCT FROM r.golden`);
  return rowCount ?? 0;
}

export interface GoldenRecord {
  id: string;
  golden: Record<string, GoldenAttribute>;
}

/** The chunk's golden records, of prospects that have not failed. */
export async function goldenRecords(tx: Tx, chunkId: string): Promise<GoldenRecord[]> {
  const { rows } = await tx.execute<GoldenRecord & Record<string, unknown>>(sql`
    SELECT p.id, p.golden FROM chunks c JOIN prospects p ON p.id = ANY(c.prospect_ids)
    WHERE c.id = ${chunkId} AND p.status <> 'failed' AND p.golden IS NOT NULL`);
  return rows;
}

export interface Score {
  id: string;
  tier: (typeof tiers)[number];
  fieldsFilled: number;
  confidencePct: number;
  scorePct: number;
}

/** Writes scores: from here on the prospect is enriched and usable. */
export async function writeScores(tx: Tx, scores: readonly Score[]): Promise<void> {
  await tx.execute(sql`
    UPDATE prospects p SET
      status = 'enriched', tier = s.tier, fields_filled = s."fieldsFilled", confidence_pct = s."confidencePct",
      score_pct = s."scorePct", enriched_at = coalesce(p.enriched_at, now()), updated_at = now()
    FROM jsonb_to_recordset(${JSON.stringify(scores)}::jsonb) AS s (
      id uuid, tier text, "fieldsFilled" smallint, "confidencePct" smallint, "scorePct" smallint)
    WHERE p.id = s.id AND p.status <> 'failed'`);
}

export interface ProspectFilter {
  importId?: string | undefined;
  status?: (typeof prospectStatuses)[number] | undefined;
  tier?: (typeof tiers)[number] | undefined;
  county?: string | undefined;
  cui?: number | undefined;
  /** At most a hundred. */
  ids?: readonly string[] | undefined;
  /** Those with a dead letter that matches. */
  deadLetters?: DeadLetterFilter | undefined;
}

/** The condition that a filter stands for, on `prospects`. */
export function matchingProspects(filter: ProspectFilter): SQL | undefined {
  return and(
    filter.importId ? eq(prospects.importId, filter.importId) : undefined,
    filter.status ? eq(prospects.status, filter.status) : undefined,
    filter.tier ? eq(prospects.tier, filter.tier) : undefined,
    filter.county ? sql`lower(${prospects.county}) = lower(${filter.county})` : undefined,
    filter.cui ? eq(prospects.cui, filter.cui) : undefined,
    filter.ids ? inArray(prospects.id, [...filter.ids]) : undefined,
    filter.deadLetters ? sql`${prospects.id} IN (${deadLetterProspects(filter.deadLetters)})` : undefined,
  );
}

export interface ProspectRow {
  id: string;
  cui: number;
  name: string;
  isNaturalPerson: boolean;
  county: string | null;
  locality: string | null;
  status: (typeof prospectStatuses)[number];
  failureCode: string | null;
  tier: (typeof tiers)[number] | null;
  scorePct: number | null;
  fieldsFilled: number | null;
  confidencePct: number | null;
  golden: Record<string, GoldenAttribute> | null;
}

/** One page of prospects in the order of their ids, after `afterId`. */
export async function listProspects(
  tx: Tx,
  { filter, afterId, limit }: { filter: ProspectFilter; afterId: string | null; limit: number },
): Promise<ProspectRow[]> {
  const { id, cui, name, isNaturalPerson, county, locality, status, failureCode, tier } = prospects;
  const { scorePct, fieldsFilled, confidencePct, golden } = prospects;
  const columns = { id, cui, name, isNaturalPerson, county, locality, status, failureCode, tier };
  return tx
    .select({ ...columns, scorePct, fieldsFilled, confidencePct, golden })
    .from(prospects)
    .where(and(afterId ? gt(prospects.id, afterId) : undefined, matchingProspects(filter)))
    .orderBy(prospects.id)
    .limit(limit);
}
