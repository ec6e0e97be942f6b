/** What the estimate of a job goes by. */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { tiers } from "#db/schema/prospects.ts";
import { matchingProspects, type ProspectFilter } from "./prospects.ts";

export interface SampleRow {
  isNaturalPerson: boolean;
  tier: (typeof tiers)[number] | null;
  attributes: Record<string, unknown>;
  fresh: string[];
}

/** How many prospects a filter selects, and a random part of them, of about `size`. */
export async function sampleProspects(
  tx: Tx,
  filter: ProspectFilter,
  { size, attributes }: { size: number; attributes: readonly string[] },
): Promise<{ total: number; sample: SampleRow[] }> {
  const selected = matchingProspects(filter) ?? sql`true`;
  const counted = await tx.execute<{ total: number }>(
    sql`SELECT count(*)::int AS total FROM prospects WHERE ${selected}`,
  );
  const total = counted.rows[0]?.total ?? 0;
  const share = total <= size ? 1 : size / total;
  const { rows } = await tx.execute<SampleRow & Record<string, unknown>>(sql`
    SELECT p.is_natural_person AS "isNaturalPerson", p.tier,
      (SELECT coalesce(jsonb_object_agg(name, p.golden -> name -> 'value'), '{}')
       FROM unnest(${sql.param([...attributes])}::text[]) AS name) AS attributes,
      (SELECT coalesce(array_agg(DISTINCT field), '{}') FROM field_values
       WHERE prospect_id = p.id AND fresh_until > now() AND status <> 'failed') AS fresh
    FROM (SELECT * FROM prospects WHERE ${selected} AND random() <= ${share}) AS p`);
  return { total, sample: rows };
}

export interface FieldHistory {
  field: string;
  eligibleShare: number;
  meanCostMicros: number;
}

/** Per field, from the workspace's jobs of the last 90 days: who was eligible, and what one that was asked about cost. */
export async function fieldHistory(tx: Tx): Promise<FieldHistory[]> {
  const { rows } = await tx.execute<FieldHistory & Record<string, unknown>>(sql`
    SELECT field, sum(asked)::float8 / sum(asked + ineligible) AS "eligibleShare",
           coalesce(sum(cost_micros)::float8 / nullif(sum(asked), 0), 0) AS "meanCostMicros"
    FROM (SELECT f.field, f.found + f.not_found + f.in_review + f.failed AS asked, f.ineligible, f.cost_micros
          FROM job_fields f JOIN jobs j ON j.id = f.job_id
          WHERE j.created_at > now() - interval '90 days') AS recent
    GROUP BY field HAVING sum(asked + ineligible) > 0`);
  return rows;
}
