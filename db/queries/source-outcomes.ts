/** What came of asking the sources of a field: recorded as it happens, read to order them, and to replay. */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import { executePrepared } from "./prepared.ts";

interface Segment {
  legalForm: string;
  caenDivision: string;
  county: string;
}

/** One source has answered about one prospect: found it, or did not. A failure is no outcome. */
export interface SourceOutcome extends Segment {
  prospectId: string;
  source: string;
  /** 1: asked first. */
  place: number;
  found: boolean;
  costMicros: number;
}

/**
 * Keeps outcomes and adds them to the sums of their segments. A repeat by the same job changes nothing; a later job's
 * ask counts anew. At most one outcome for each prospect and source.
 */
export async function recordOutcomes(
  tx: Tx,
  { workspaceId, jobId, field }: { workspaceId: string; jobId: string; field: string },
  outcomes: readonly SourceOutcome[],
): Promise<void> {
  if (outcomes.length === 0) return;
  // Sums are written in the order of their key, so that two chunks never wait for each other in a circle.
  await executePrepared(
    tx,
    sql`
    WITH told AS (
      SELECT * FROM jsonb_to_recordset(${JSON.stringify(outcomes)}::jsonb) AS o (
        "prospectId" uuid, source text, "legalForm" text, "caenDivision" text, county text,
        place smallint, found boolean, "costMicros" bigint)
    ), kept AS (
      INSERT INTO source_asks AS a (workspace_id, prospect_id, field, source, job_id, place, found, cost_micros)
      SELECT ${workspaceId}::uuid, "prospectId", ${field}, source, ${jobId}::uuid, place, found, "costMicros" FROM told
      ON CONFLICT (prospect_id, field, source) DO UPDATE SET
        job_id = excluded.job_id, place = excluded.place, found = excluded.found, cost_micros = excluded.cost_micros
      WHERE a.job_id <> excluded.job_id
      RETURNING prospect_id, source
    )
    INSERT INTO source_outcomes AS s (workspace_id, field, source, legal_form, caen_division, county,
                                      asked, found, cost_micros)
    SELECT ${workspaceId}::uuid, ${field}, t.source, t."legalForm", t."caenDivision", t.county,
           count(*), count(*) FILTER (WHERE t.found), sum(t."costMicros")
    FROM told t JOIN kept k ON k.prospect_id = t."prospectId" AND k.source = t.source
    GROUP BY t.source, t."legalForm", t."caenDivision", t.county
    ORDER BY 3, 4, 5, 6
    ON CONFLICT (workspace_id, field, source, legal_form, caen_division, county) DO UPDATE SET
      asked = s.asked + excluded.asked, found = s.found + excluded.found,
      cost_micros = s.cost_micros + excluded.cost_micros`,
  );
}

/** Sums of one source in a segment, or, where parts are null, in all that differ only there. */
export interface SegmentOutcomes {
  source: string;
  legalForm: string | null;
  caenDivision: string | null;
  county: string | null;
  asked: number;
  found: number;
  costMicros: number;
}

/**
 * Outcomes of a field's sources in these segments and in the wider ones around them: all, by legal form, by legal
 * form and activity, and with the county.
 */
export async function outcomesAround(
  tx: Tx,
  field: string,
  segments: readonly Segment[],
): Promise<SegmentOutcomes[]> {
  const sums = sql`sum(asked)::bigint AS asked, sum(found)::bigint AS found, sum(cost_micros)::bigint AS "costMicros"`;
  const { rows } = await tx.execute<SegmentOutcomes & Record<string, unknown>>(sql`
    WITH wanted AS (
      SELECT DISTINCT * FROM jsonb_to_recordset(${JSON.stringify(segments)}::jsonb)
        AS w ("legalForm" text, "caenDivision" text, county text)
    ), own AS MATERIALIZED (
      SELECT * FROM source_outcomes WHERE workspace_id = current_workspace() AND field = ${field}
    )
    SELECT source, NULL AS "legalForm", NULL AS "caenDivision", NULL AS county, ${sums}
    FROM own GROUP BY source
    UNION ALL
    SELECT source, legal_form, NULL, NULL, ${sums}
    FROM own WHERE legal_form IN (SELECT "legalForm" FROM wanted) GROUP BY source, legal_form
    UNION ALL
    SELECT source, legal_form, caen_division, NULL, ${sums}
    FROM own WHERE (legal_form, caen_division) IN (SELECT "legalForm", "caenDivision" FROM wanted)
    GROUP BY source, legal_form, caen_division
    UNION ALL
    SELECT source, legal_form, caen_division, county, asked, found, cost_micros
    FROM own WHERE (legal_form, caen_division, county) IN (SELECT * FROM wanted)`);
  return rows;
}

/** Prospects of one kind whose waterfall went the same way. */
export interface AskedAlike {
  legalForm: string | null;
  county: string | null;
  /** CAEN code of the first activity listed. */
  caenCode: string | null;
  prospects: number;
  /** In the order of asking. */
  asks: { source: string; found: boolean; costMicros: number }[];
}

/** All recorded asks of a field, prospects that went the same way together: as many rows as there are different ways. */
export async function asksOfField(tx: Tx, field: string): Promise<AskedAlike[]> {
  const { rows } = await tx.execute<AskedAlike & Record<string, unknown>>(sql`
    SELECT p.legal_form AS "legalForm", p.county, p.activities -> 0 ->> 'code' AS "caenCode",
           count(*)::int AS prospects, asks
    FROM (
      SELECT prospect_id, jsonb_agg(
               jsonb_build_object('source', source, 'found', found, 'costMicros', cost_micros) ORDER BY place, source
             ) AS asks
      FROM source_asks WHERE field = ${field} GROUP BY prospect_id
    ) way
    JOIN prospects p ON p.id = way.prospect_id
    GROUP BY 1, 2, 3, asks
    ORDER BY 1, 2, 3, asks`);
  return rows;
}

/** Fields of which asks are recorded. */
export async function fieldsWithAsks(tx: Tx): Promise<string[]> {
  const { rows } = await tx.execute<{ field: string }>(
    sql`SELECT DISTINCT field FROM source_outcomes ORDER BY field`,
  );
  return rows.map(({ field }) => field);
}
