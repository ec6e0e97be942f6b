/** Erasures under way, and the certificates of those that are done. */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { erasureGrounds, erasureStatuses } from "#db/schema/erasures.ts";
import { iso } from "./instants.ts";

export interface Erasure {
  id: string;
  ground: (typeof erasureGrounds)[number];
  requestedBy: string;
  status: (typeof erasureStatuses)[number];
  /** Rows removed or cleaned, by place. */
  removed: Record<string, number>;
  /** ISO 8601. */
  createdAt: string;
  endedAt: string | null;
}

const columns = sql`id, ground, requested_by AS "requestedBy", status, removed, created_at AS "createdAt",
  ended_at AS "endedAt"`;
const read = (row: Erasure): Erasure => ({
  ...row,
  createdAt: iso(row.createdAt),
  endedAt: row.endedAt && iso(row.endedAt),
});

export async function insertErasure(
  tx: Tx,
  erasure: { id: string; workspaceId: string; subjectSealed: string; ground: string; by: string },
): Promise<void> {
  const { id, workspaceId, subjectSealed, ground, by } = erasure;
  await tx.execute(sql`
    INSERT INTO erasures (id, workspace_id, subject_sealed, ground, requested_by)
    VALUES (${id}, ${workspaceId}, ${subjectSealed}, ${ground}, ${by})`);
}

export async function findErasure(tx: Tx, id: string): Promise<Erasure | null> {
  const { rows } = await tx.execute<Erasure & Record<string, unknown>>(
    sql`SELECT ${columns} FROM erasures WHERE id = ${id}`,
  );
  return rows[0] ? read(rows[0]) : null;
}

/** The newest first. */
export async function listErasures(
  tx: Tx,
  { beforeId, limit }: { beforeId: string | null; limit: number },
): Promise<Erasure[]> {
  const { rows } = await tx.execute<Erasure & Record<string, unknown>>(sql`
    SELECT ${columns} FROM erasures WHERE ${beforeId}::uuid IS NULL OR id < ${beforeId}::uuid
    ORDER BY id DESC LIMIT ${limit}`);
  return rows.map(read);
}

/** Whom it is about, sealed. Null: it is done. */
export async function sealedSubject(tx: Tx, id: string): Promise<string | null> {
  const { rows } = await tx.execute<{ sealed: string | null }>(
    sql`SELECT subject_sealed AS sealed FROM erasures WHERE id = ${id} FOR UPDATE`,
  );
  return rows[0]?.sealed ?? null;
}

/** Adds to what was removed: a step that is repeated finds nothing left to count. */
export async function addRemoved(
  tx: Tx,
  id: string,
  counts: Readonly<Record<string, number>>,
): Promise<void> {
  await tx.execute(sql`
    UPDATE erasures SET removed = (
      SELECT coalesce(jsonb_object_agg(place, total), '{}') FROM (
        SELECT place, sum(rows::bigint) AS total
        FROM (SELECT * FROM jsonb_each_text(removed)
              UNION ALL SELECT * FROM jsonb_each_text(${JSON.stringify(counts)}::jsonb)) AS counted (place, rows)
        GROUP BY place HAVING sum(rows::bigint) > 0) AS sums)
    WHERE id = ${id}`);
}

export async function endErasure(tx: Tx, id: string, status: "done" | "failed"): Promise<void> {
  await tx.execute(sql`
    UPDATE erasures SET status = ${status}, ended_at = now(),
      subject_sealed = CASE WHEN ${status} = 'done' THEN NULL ELSE subject_sealed END
    WHERE id = ${id} AND status <> 'done'`);
}
