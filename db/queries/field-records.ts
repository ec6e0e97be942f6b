/** What has come of asking fields: of one prospect, and of many. */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";

export interface LastResult {
  field: string;
  status: "found" | "not_found" | "failed" | "in_review";
  value: Record<string, unknown> | null;
  source: string | null;
  confidencePct: number | null;
  costMicros: number;
  errorCode: string | null;
  /** ISO 8601. */
  observedAt: string;
  freshUntil: string;
  fresh: boolean;
}

/** The newest result of each field for a prospect, whatever it was. */
export async function lastResults(tx: Tx, prospectId: string): Promise<LastResult[]> {
  const { rows } = await tx.execute<LastResult & Record<string, unknown>>(sql`
    SELECT DISTINCT ON (field) field, status, value, source, confidence_pct AS "confidencePct",
           cost_micros AS "costMicros", error_code AS "errorCode", observed_at AS "observedAt",
           fresh_until AS "freshUntil", status <> 'failed' AND fresh_until > now() AS fresh
    FROM field_values WHERE prospect_id = ${prospectId} ORDER BY field, observed_at DESC, id DESC`);
  const iso = (instant: string) => new Date(instant).toISOString();
  return rows.map((row) => ({ ...row, observedAt: iso(row.observedAt), freshUntil: iso(row.freshUntil) }));
}

export interface SampledRecord {
  field: string;
  asked: number;
  found: number;
  costMicros: number;
  confidencePct: number;
  /** How many finds had each attribute; of `emailVerified`, how many said true. */
  filled: Record<string, number>;
}

/** About so many values are looked at, on the same pages of the table each time. */
const SAMPLE = 3_000;

/** What came of each field, in a sample of the workspace's values. */
export async function sampledRecords(tx: Tx): Promise<SampledRecord[]> {
  const counted = await tx.execute<{ rows: number }>(
    sql`SELECT reltuples::float8 AS rows FROM pg_class WHERE oid = 'field_values'::regclass`,
  );
  // Before its first analysis a table is said to have -1 rows; it is small then.
  const share = Math.min(100, (100 * SAMPLE) / Math.max(counted.rows[0]?.rows ?? 0, SAMPLE));
  const { rows } = await tx.execute<SampledRecord & Record<string, unknown>>(sql`
    WITH sample AS MATERIALIZED (
      SELECT field, status, value, confidence_pct, cost_micros
      FROM field_values TABLESAMPLE SYSTEM (${sql.raw(String(share))}) REPEATABLE (0)
      WHERE status IN ('found', 'not_found')),
    filled AS (
      SELECT field, key, count(*)::int AS finds FROM sample CROSS JOIN LATERAL jsonb_each(value)
      WHERE status = 'found' AND jsonb_each.value NOT IN ('null', '""', '[]')
        AND (key <> 'emailVerified' OR jsonb_each.value = 'true')
      GROUP BY field, key)
    SELECT s.field, count(*)::int AS asked, count(*) FILTER (WHERE status = 'found')::int AS found,
           sum(cost_micros)::float8 AS "costMicros", coalesce(avg(confidence_pct), 0)::float8 AS "confidencePct",
           (SELECT coalesce(jsonb_object_agg(key, finds), '{}') FROM filled f WHERE f.field = s.field) AS filled
    FROM sample s GROUP BY s.field`);
  return rows;
}
