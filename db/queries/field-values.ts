import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { Activity, tiers } from "#db/schema/prospects.ts";
import type { FieldCounts } from "./job-fields.ts";
import { executePrepared } from "./prepared.ts";

/** What a source may know of a prospect when it is asked. */
export interface Target {
  id: string;
  cui: number;
  name: string;
  registrationNumber: string | null;
  isNaturalPerson: boolean;
  legalForm: string | null;
  county: string | null;
  locality: string | null;
  website: string | null;
  registryStateCode: string | null;
  activities: Activity[] | null;
  tier: (typeof tiers)[number] | null;
  /** Values that the fields it needs have found, by field. */
  values: Record<string, Record<string, unknown>>;
  /** Those attributes of the golden record that were asked for. */
  golden: Record<string, unknown>;
}

interface ChunkField {
  chunkId: string;
  jobId: string;
  field: string;
}

/**
 * Prospects of the chunk that still need the field: not failed, merged away or objected, and no value that is fresh or this job's own.
 * @param needs fields whose values are to be told, too
 * @param attributes and so attributes of the golden record
 */
export async function targetsOfField(
  tx: Tx,
  { chunkId, jobId, field }: ChunkField,
  { needs = [], attributes = [] }: { needs?: readonly string[]; attributes?: readonly string[] } = {},
): Promise<Target[]> {
  const values =
    needs.length === 0
      ? sql`'{}'::jsonb`
      : sql`(SELECT coalesce(jsonb_object_agg(v.field, v.value) FILTER (WHERE v.value IS NOT NULL), '{}') FROM (
          SELECT DISTINCT ON (field) field, value FROM field_values
          WHERE prospect_id = p.id AND field = ANY(${sql.param([...needs])}::text[]) AND status IN ('found', 'not_found')
          ORDER BY field, observed_at DESC, id DESC) v)`;
  const golden =
    attributes.length === 0
      ? sql`'{}'::jsonb`
      : sql`(SELECT coalesce(jsonb_object_agg(name, p.golden -> name -> 'value'), '{}')
          FROM unnest(${sql.param([...attributes])}::text[]) AS name)`;
  const { rows } = await tx.execute<Target & Record<string, unknown>>(sql`
    SELECT p.id, p.cui, p.name, p.registration_number AS "registrationNumber",
           p.is_natural_person AS "isNaturalPerson", p.legal_form AS "legalForm", p.county, p.locality, p.website,
           p.registry_state_code AS "registryStateCode", p.activities, p.tier, ${values} AS "values", ${golden} AS golden
    FROM chunks c
    CROSS JOIN LATERAL unnest(c.prospect_ids) WITH ORDINALITY AS member (id, place)
    JOIN prospects p ON p.id = member.id
    WHERE c.id = ${chunkId} AND p.status <> 'failed' AND p.merged_into IS NULL AND p.objected_at IS NULL
      AND NOT EXISTS (
      SELECT 1 FROM field_values v WHERE v.prospect_id = p.id AND v.field = ${field}
        AND (v.job_id = ${jobId} OR (v.fresh_until > now() AND v.status <> 'failed')))
    ORDER BY member.place`);
  return rows;
}

/** One result to write. `found` has a value; the others have none. */
export interface NewFieldValue {
  prospectId: string;
  status: "found" | "not_found" | "failed" | "in_review";
  value: Record<string, unknown> | null;
  source: string | null;
  confidencePct: number | null;
  costMicros: number;
  snapshotId: string | null;
  errorCode: string | null;
  observedAt: Date;
  freshUntil: Date;
}

/** Writes results of a field. A repeat of the same job replaces its own. */
export async function writeFieldValues(
  tx: Tx,
  { workspaceId, jobId, field }: { workspaceId: string; jobId: string; field: string },
  values: readonly NewFieldValue[],
): Promise<void> {
  if (values.length === 0) return;
  await executePrepared(
    tx,
    sql`
    INSERT INTO field_values (workspace_id, prospect_id, job_id, field, status, value, source, confidence_pct,
                              cost_micros, snapshot_id, error_code, observed_at, fresh_until)
    SELECT ${workspaceId}::uuid, "prospectId", ${jobId}::uuid, ${field}, status, value, source, "confidencePct",
           "costMicros", "snapshotId", "errorCode", "observedAt", "freshUntil"
    FROM jsonb_to_recordset(${JSON.stringify(values)}::jsonb) AS v (
      "prospectId" uuid, status text, value jsonb, source text, "confidencePct" smallint, "costMicros" bigint,
      "snapshotId" uuid, "errorCode" text, "observedAt" timestamptz, "freshUntil" timestamptz)
    -- Whoever has been erased meanwhile has no values any more.
    WHERE EXISTS (SELECT FROM prospects p WHERE p.id = v."prospectId")
    ON CONFLICT (job_id, prospect_id, field) DO UPDATE SET
      status = excluded.status, value = excluded.value, source = excluded.source,
      confidence_pct = excluded.confidence_pct, cost_micros = excluded.cost_micros,
      snapshot_id = excluded.snapshot_id, error_code = excluded.error_code,
      observed_at = excluded.observed_at, fresh_until = excluded.fresh_until`,
  );
}

export interface FieldResults extends Omit<FieldCounts, "ineligible"> {
  /** Whether the field has dead letters, of these prospects or of others. */
  hasDeadLetters: boolean;
}

/** Results of the job's field on the chunk. Whoever has none was skipped: failed before, or still fresh. */
export async function countFieldValues(tx: Tx, { chunkId, jobId, field }: ChunkField): Promise<FieldResults> {
  const { rows } = await tx.execute<FieldResults & Record<string, unknown>>(sql`
    SELECT count(*) FILTER (WHERE v.status = 'found')::int AS found,
           count(*) FILTER (WHERE v.status = 'not_found')::int AS "notFound",
           count(*) FILTER (WHERE v.status = 'in_review')::int AS "inReview",
           count(*) FILTER (WHERE v.status = 'failed')::int AS failed,
           coalesce(sum(v.cost_micros), 0)::bigint AS "costMicros",
           (count(*) - count(v.id))::int AS skipped,
           EXISTS (SELECT FROM dead_letters d WHERE d.field = ${field}) AS "hasDeadLetters"
    FROM chunks c
    -- One look-up for each prospect, whatever the planner makes of the array.
    CROSS JOIN LATERAL unnest(c.prospect_ids) AS member (id)
    LEFT JOIN field_values v ON v.prospect_id = member.id AND v.job_id = ${jobId} AND v.field = ${field}
    WHERE c.id = ${chunkId}`);
  const counts = rows[0] as FieldResults;
  return { ...counts, costMicros: Number(counts.costMicros) };
}

/** The field has failed for good on this chunk: whoever still needs it gets a failed result. */
export async function failMissingValues(
  tx: Tx,
  key: ChunkField & { workspaceId: string },
  code: string,
): Promise<void> {
  const now = new Date();
  const failed = (await targetsOfField(tx, key)).map(({ id }) => ({
    prospectId: id,
    status: "failed" as const,
    value: null,
    source: null,
    confidencePct: null,
    costMicros: 0,
    snapshotId: null,
    errorCode: code,
    observedAt: now,
    freshUntil: now,
  }));
  await writeFieldValues(tx, key, failed);
}

/** A required field failed: the prospects it failed for end here, the others go on. */
export async function failProspectsByField(tx: Tx, { chunkId, jobId, field }: ChunkField): Promise<void> {
  await tx.execute(sql`
    UPDATE prospects p SET status = 'failed', failure_code = ${field} || '_' || coalesce(v.error_code, 'failed'),
                           updated_at = now()
    FROM chunks c, field_values v
    WHERE c.id = ${chunkId} AND p.id = ANY(c.prospect_ids) AND p.status = 'imported'
      AND v.prospect_id = p.id AND v.job_id = ${jobId} AND v.field = ${field} AND v.status = 'failed'`);
}
