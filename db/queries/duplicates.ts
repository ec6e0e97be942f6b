/** Prospects of a workspace that may be the same business: found by what they share, never each against all. */
import { type SQL, sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { tiers } from "#db/schema/prospects.ts";

/** What two prospects are compared by. */
export interface Comparable {
  id: string;
  cui: number;
  name: string;
  county: string | null;
  locality: string | null;
  phone: string | null;
  domain: string | null;
  email: string | null;
  tier: (typeof tiers)[number] | null;
  fieldsFilled: number | null;
}

/** Keys that are shared by more than so many, such as an accountant's phone, are compared with the next ones only. */
const MOST_SHARED = 100;

const columns = (p: SQL) => sql`jsonb_build_object('id', ${p}.id, 'cui', ${p}.cui, 'name', ${p}.name,
  'county', ${p}.county, 'locality', ${p}.locality, 'phone', ${p}.match_phone, 'domain', ${p}.match_domain,
  'email', ${p}.match_email, 'tier', ${p}.tier, 'fieldsFilled', ${p}.fields_filled)`;

const sharing = (key: SQL) => sql`
  (SELECT m.id FROM prospects m
   WHERE m.workspace_id = (SELECT current_workspace()) AND m.${key} = p.${key} AND m.id > p.id
   ORDER BY m.id LIMIT ${MOST_SHARED})`;

export interface ComparedPage {
  pairs: { one: Comparable; other: Comparable }[];
  /** The last prospect of the page; null: there is none after `afterId`. */
  lastId: string | null;
}

/**
 * Goes through `limit` enriched prospects in the order of their ids and pairs each with those after it that share the
 * block of its name in its county, its domain, its phone or its e-mail address.
 */
export async function comparedProspects(
  tx: Tx,
  { afterId, limit }: { afterId: string | null; limit: number },
): Promise<ComparedPage> {
  const { rows } = await tx.execute<{ lastId: string | null; pairs: ComparedPage["pairs"] }>(sql`
    WITH page AS MATERIALIZED (
      SELECT * FROM prospects p
      WHERE p.status = 'enriched' AND p.merged_into IS NULL AND (${afterId}::uuid IS NULL OR p.id > ${afterId}::uuid)
      ORDER BY p.id LIMIT ${limit}),
    alike AS MATERIALIZED (
      SELECT p.id AS one, shared.id AS other FROM page p CROSS JOIN LATERAL (
        ${sharing(sql.raw("match_name"))} UNION ${sharing(sql.raw("match_domain"))}
        UNION ${sharing(sql.raw("match_phone"))} UNION ${sharing(sql.raw("match_email"))}) shared)
    SELECT (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS "lastId",
      (SELECT coalesce(jsonb_agg(jsonb_build_object('one', ${columns(sql.raw("p"))}, 'other', ${columns(sql.raw("m"))})
              ORDER BY p.id, m.id), '[]')
       FROM alike JOIN page p ON p.id = alike.one JOIN prospects m ON m.id = alike.other
       WHERE m.status = 'enriched' AND m.merged_into IS NULL) AS pairs`);
  return rows[0] as ComparedPage;
}

/** Prospects by id, as they are compared. */
export async function comparables(tx: Tx, ids: readonly string[]): Promise<Comparable[]> {
  const { rows } = await tx.execute<{ prospect: Comparable }>(sql`
    SELECT ${columns(sql.raw("p"))} AS prospect FROM prospects p
    WHERE p.id = ANY(${sql.param([...ids])}::uuid[])`);
  return rows.map(({ prospect }) => prospect);
}
