import { and, eq, gt, inArray, isNull, type SQL, sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import { type GoldenAttribute, type prospectStatuses, prospects, type tiers } from "#db/schema/prospects.ts";
import { type DeadLetterFilter, deadLetterProspects } from "./dead-letters.ts";
import { iso } from "./instants.ts";

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

/**
 * The condition that a filter stands for, on `prospects`. Those merged away, and those who have objected, are nowhere
 * listed or worked on.
 */
export function matchingProspects(filter: ProspectFilter): SQL | undefined {
  return and(
    isNull(prospects.mergedInto),
    isNull(prospects.objectedAt),
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

export interface ProspectDetail extends ProspectRow {
  registrationNumber: string | null;
  legalForm: string | null;
  /** ISO 8601. */
  enrichedAt: string | null;
  /** Since when nobody may work on it, ISO 8601; null: it has not objected. */
  objectedAt: string | null;
  /** The prospect that stands for this one; null: it stands for itself. */
  mergedInto: string | null;
  /** Those that it stands for. */
  mergedFrom: string[];
}

/** One prospect, also when it was merged into another; null: there is none. */
export async function prospectDetail(tx: Tx, id: string): Promise<ProspectDetail | null> {
  const { rows } = await tx.execute<ProspectDetail & Record<string, unknown>>(sql`
    SELECT id, cui, name, is_natural_person AS "isNaturalPerson", registration_number AS "registrationNumber",
           legal_form AS "legalForm", county, locality, status, failure_code AS "failureCode", tier,
           score_pct AS "scorePct", fields_filled AS "fieldsFilled", confidence_pct AS "confidencePct", golden,
           enriched_at AS "enrichedAt", objected_at AS "objectedAt", merged_into AS "mergedInto",
           ARRAY(SELECT m.id FROM prospects m WHERE m.merged_into = p.id ORDER BY m.id) AS "mergedFrom"
    FROM prospects p WHERE id = ${id}`);
  const [row] = rows;
  if (!row) return null;
  const { enrichedAt, objectedAt } = row;
  return { ...row, enrichedAt: enrichedAt && iso(enrichedAt), objectedAt: objectedAt && iso(objectedAt) };
}
