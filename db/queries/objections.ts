import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";

export interface ObjectingProspect {
  id: string;
  cui: number;
  isNaturalPerson: boolean;
  email: string | null;
  phone: string | null;
}

/** Named by id, tax id, or e-mail address, phone number or domain of the golden record; of a merge, all that it joined. */
export async function prospectsOfContacts(
  tx: Tx,
  named: { id?: string; cui?: number; email?: string; phone?: string; domain?: string },
): Promise<ObjectingProspect[]> {
  const { rows } = await tx.execute<ObjectingProspect & Record<string, unknown>>(sql`
    WITH named AS (
      SELECT id, merged_into FROM prospects
      WHERE workspace_id = current_workspace() AND (
        id = ${named.id ?? null}::uuid OR cui = ${named.cui ?? null}::bigint
        OR match_email = ${named.email ?? null}::text OR match_phone = ${named.phone ?? null}::text
        OR match_domain = ${named.domain ?? null}::text)),
    kept AS (SELECT DISTINCT coalesce(merged_into, id) AS id FROM named)
    SELECT p.id, p.cui, p.is_natural_person AS "isNaturalPerson", p.match_email AS email, p.match_phone AS phone
    FROM prospects p JOIN kept ON kept.id = p.id OR kept.id = p.merged_into ORDER BY p.id`);
  return rows;
}

/** From now on nobody works on them. Returns how many had not objected before. */
export async function markObjected(tx: Tx, ids: readonly string[], at: Date): Promise<number> {
  const { rowCount } = await tx.execute(sql`
    UPDATE prospects SET objected_at = ${at.toISOString()}
    WHERE id = ANY(${sql.param([...ids])}::uuid[]) AND objected_at IS NULL`);
  return rowCount ?? 0;
}
