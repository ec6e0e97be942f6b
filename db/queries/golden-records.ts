/**
 * Golden records and scores: what they are derived from, and where nothing has changed since. Small statements over
 * lists of ids, so that each has one sensible plan, also on tables without statistics.
 */
import { type SQL, sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { GoldenAttribute, tiers } from "#db/schema/prospects.ts";

/** Bump it when the rules of golden records or scores change: then all are derived anew when their turn comes. */
const RULES_VERSION = 1;

type Ids = readonly string[];
const uuids = (ids: Ids) => sql`${sql.param([...ids])}::uuid[]`;

/** The prospects of a chunk; for those merged away, the ones that stand for them. */
export async function prospectsOfChunk(tx: Tx, chunkId: string): Promise<string[]> {
  const { rows } = await tx.execute<{ id: string }>(sql`
    SELECT DISTINCT coalesce(merged_into, id) AS id FROM prospects
    WHERE id = ANY((SELECT prospect_ids FROM chunks WHERE id = ${chunkId})::uuid[])`);
  return rows.map(({ id }) => id);
}

/**
 * Locks those that have not failed and are not merged away, in the order of their ids: golden records are derived by
 * one transaction at a time. Answers what each was derived from; null: nothing yet.
 */
export async function lockGoldenRecords(tx: Tx, ids: Ids): Promise<{ id: string; digest: string | null }[]> {
  const { rows } = await tx.execute<{ id: string; digest: string | null }>(sql`
    SELECT id, golden_digest::text AS digest FROM prospects
    WHERE id = ANY(${uuids(ids)}) AND merged_into IS NULL AND status <> 'failed' ORDER BY id FOR NO KEY UPDATE`);
  return rows;
}

/**
 * By prospect: a digest of what is known of it and of those merged into it. It is another when an answer comes, goes
 * or is written again: `xmin` is the transaction that wrote a row as it is.
 */
export async function valueDigests(tx: Tx, ids: Ids): Promise<Map<string, string>> {
  const { rows } = await tx.execute<{ keptId: string; digest: string }>(sql`
    WITH members AS MATERIALIZED (${membersOf(ids)}), told AS MATERIALIZED (
      SELECT prospect_id, bit_xor(hash_record_extended(ROW (id, xmin), 0)) AS digest FROM field_values
      WHERE prospect_id = ANY(ARRAY(SELECT id FROM members)) AND status IN ('found', 'not_found') GROUP BY prospect_id)
    SELECT m.kept_id AS "keptId",
           bit_xor(coalesce(t.digest, 0) # hash_record_extended(ROW (m.id), ${RULES_VERSION}))::text AS digest
    FROM members m LEFT JOIN told t ON t.prospect_id = m.id GROUP BY m.kept_id`);
  return new Map(rows.map(({ keptId, digest }) => [keptId, digest]));
}

/** The prospects and those merged into them. */
const membersOf = (ids: Ids) => sql`
  SELECT id, id AS kept_id FROM prospects WHERE id = ANY(${uuids(ids)})
  UNION ALL SELECT id, merged_into FROM prospects WHERE merged_into = ANY(${uuids(ids)})`;

export interface RegistryFacts {
  id: string;
  /** The prospect that stands for it; its own id when it stands for itself. */
  keptId: string;
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

/** What the import said of the prospects and of those merged into them. */
export async function registryFacts(tx: Tx, ids: Ids): Promise<RegistryFacts[]> {
  const { rows } = await tx.execute<RegistryFacts & Record<string, unknown>>(sql`
    SELECT p.id, m.kept_id AS "keptId", p.cui, p.name, p.registration_number AS "registrationNumber", p.euid,
           p.legal_form AS "legalForm", p.registered_on::text AS "registeredOn", p.county, p.locality, p.address,
           p.postal_code AS "postalCode", p.website, p.activities, p.created_at AS "importedAt"
    FROM (${membersOf(ids)}) m JOIN prospects p ON p.id = m.id ORDER BY p.id`);
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
  /** ISO 8601. */
  observedAt: string;
  freshUntil: Date;
}

/** The newest answer of each field for each of these prospects. Failures say nothing and are left out. */
export async function currentValues(tx: Tx, ids: Ids): Promise<CurrentValue[]> {
  const { rows } = await tx.execute<CurrentValue & Record<string, unknown>>(sql`
    SELECT DISTINCT ON (v.prospect_id, v.field) v.id, v.prospect_id AS "prospectId", v.field, v.status, v.value,
           v.source, v.confidence_pct AS "confidencePct", v.observed_at AS "observedAt", v.fresh_until AS "freshUntil"
    FROM field_values v WHERE v.prospect_id = ANY(${uuids(ids)}) AND v.status IN ('found', 'not_found')
    ORDER BY v.prospect_id, v.field, v.observed_at DESC, v.id DESC`);
  return rows.map((row) => ({
    ...row,
    observedAt: new Date(row.observedAt).toISOString(),
    freshUntil: new Date(row.freshUntil),
  }));
}

/** A score, as `Quality` in src/domain/enrichment/quality.ts. */
interface Score {
  tier: (typeof tiers)[number];
  fieldsFilled: number;
  completenessPct: number;
  confidencePct: number;
  freshnessPct: number;
  scorePct: number;
}

const SCORE_COLUMNS = sql`tier text, "fieldsFilled" smallint, "completenessPct" smallint, "confidencePct" smallint,
  "freshnessPct" smallint, "scorePct" smallint`;
const SET_SCORE = sql`tier = r.tier, fields_filled = r."fieldsFilled", completeness_pct = r."completenessPct",
  confidence_pct = r."confidencePct", freshness_pct = r."freshnessPct", score_pct = r."scorePct"`;

/** Of a golden record and the day: how fresh it is changes without any new value. */
const scoreDigest = (goldenDigest: SQL) =>
  sql`hashint8extended(${goldenDigest}, (current_date - date '2000-01-01') * 1000 + ${RULES_VERSION})`;

export interface NewGoldenRecord extends Score {
  id: string;
  golden: Record<string, GoldenAttribute>;
  /** Of what it was derived from. */
  digest: string;
  /** Prospects that share it may be the same business; null: it has none. */
  matchName: string | null;
}

/** Writes golden records with their scores. Returns how many are other than before. */
export async function writeGoldenRecords(tx: Tx, records: readonly NewGoldenRecord[]): Promise<number> {
  if (records.length === 0) return 0;
  const { rows } = await tx.execute<{ changed: boolean }>(sql`
    UPDATE prospects p SET
      golden = CASE WHEN p.golden IS DISTINCT FROM r.golden THEN r.golden ELSE p.golden END,
      updated_at = CASE WHEN p.golden IS DISTINCT FROM r.golden THEN now() ELSE p.updated_at END,
      golden_digest = r.digest, match_name = r."matchName", ${SET_SCORE}, score_digest = ${scoreDigest(sql`r.digest`)}
    FROM jsonb_to_recordset(${JSON.stringify(records)}::jsonb)
      AS r (id uuid, golden jsonb, digest bigint, "matchName" text, ${SCORE_COLUMNS})
    WHERE p.id = r.id
    RETURNING p.updated_at = now() AS changed`);
  return rows.filter(({ changed }) => changed).length;
}

/** From here on those with a score are enriched, and usable. Returns how many were not yet. */
export async function markEnriched(tx: Tx, ids: Ids): Promise<number> {
  const { rowCount } = await tx.execute(sql`
    UPDATE prospects SET status = 'enriched', enriched_at = coalesce(enriched_at, now()), updated_at = now()
    WHERE id = ANY(${uuids(ids)}) AND status = 'imported' AND tier IS NOT NULL AND merged_into IS NULL`);
  return rowCount ?? 0;
}

export interface AgedRecord {
  id: string;
  golden: Record<string, GoldenAttribute>;
  goldenDigest: string;
}

/** Golden records that were scored on an earlier day, or by earlier rules. */
export async function agedRecords(tx: Tx, ids: Ids): Promise<AgedRecord[]> {
  const { rows } = await tx.execute<AgedRecord & Record<string, unknown>>(sql`
    SELECT id, golden, golden_digest::text AS "goldenDigest" FROM prospects
    WHERE id = ANY(${uuids(ids)}) AND golden_digest IS NOT NULL AND merged_into IS NULL AND status <> 'failed'
      AND score_digest IS DISTINCT FROM ${scoreDigest(sql`golden_digest`)}`);
  return rows;
}

/** Writes scores of records that are what they were. */
export async function writeScores(
  tx: Tx,
  scores: readonly (Score & { id: string; goldenDigest: string })[],
): Promise<void> {
  if (scores.length === 0) return;
  await tx.execute(sql`
    UPDATE prospects p SET ${SET_SCORE}, score_digest = ${scoreDigest(sql`r."goldenDigest"`)}, updated_at = now()
    FROM jsonb_to_recordset(${JSON.stringify(scores)}::jsonb) AS r (id uuid, "goldenDigest" bigint, ${SCORE_COLUMNS})
    WHERE p.id = r.id AND p.golden_digest = r."goldenDigest"`);
}

export interface ValueOrigin {
  field: string;
  freshUntil: Date;
}

/** Which fields these values are of, and until when they are fresh, by their ids. */
export async function valueOrigins(tx: Tx, valueIds: Ids): Promise<Map<string, ValueOrigin>> {
  const { rows } = await tx.execute<{ id: string; field: string; freshUntil: string }>(sql`
    SELECT id, field, fresh_until AS "freshUntil" FROM field_values WHERE id = ANY(${uuids(valueIds)})`);
  return new Map(rows.map(({ id, field, freshUntil }) => [id, { field, freshUntil: new Date(freshUntil) }]));
}
