/** Calls that nobody will hear the answer of: their asker has died, or the outcome was never known. */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { CallKey } from "./provider-calls.ts";

export interface OpenCall extends CallKey {
  workspaceId: string;
  provider: string;
  jobId: string;
  day: string;
  heldMicros: number;
  /** One for each subject. */
  prospectIds: (string | null)[];
}

/** Calls whose owner is taken for dead, over all workspaces (call it in `inSystem`). */
export async function findDeadCalls(tx: Tx, limit: number): Promise<{ id: string; workspaceId: string }[]> {
  const { rows } = await tx.execute<{ id: string; workspaceId: string }>(sql`
    SELECT id, workspace_id AS "workspaceId" FROM provider_calls
    WHERE status IN ('reserved', 'sending') AND lease_until <= now() ORDER BY lease_until LIMIT ${limit}`);
  return rows;
}

/**
 * Ends those of the calls whose owner is taken for dead: `unknown` where the request may have gone out and must not be
 * made again, else `failed`, and their subjects are free. Returns those that failed, with what they held.
 */
export async function endDeadCalls(
  tx: Tx,
  ids: readonly string[],
): Promise<{ released: OpenCall[]; unknown: string[] }> {
  const { rows } = await tx.execute<{ id: string; status: string }>(sql`
    UPDATE provider_calls SET error_kind = 'lease_expired', lease_until = NULL, ended_at = now(),
      status = CASE WHEN status = 'sending' AND NOT repeatable THEN 'unknown' ELSE 'failed' END,
      requests = requests + (status = 'sending' OR repeatable)::int
    WHERE id = ANY(${sql.param([...ids].sort())}::uuid[]) AND status IN ('reserved', 'sending') AND lease_until <= now()
    RETURNING id, status`);
  const failed = rows.flatMap(({ id, status }) => (status === "failed" ? [id] : []));
  const released = await openCalls(tx, failed);
  if (failed.length > 0) {
    await tx.execute(sql`
      DELETE FROM snapshots WHERE call_id = ANY(${sql.param(failed)}::uuid[]) AND status = 'claimed'`);
  }
  return { released, unknown: rows.flatMap(({ id, status }) => (status === "unknown" ? [id] : [])) };
}

async function openCalls(tx: Tx, ids: readonly string[]): Promise<OpenCall[]> {
  if (ids.length === 0) return [];
  const { rows } = await tx.execute<OpenCall & Record<string, unknown>>(sql`
    SELECT c.id, c.attempts AS attempt, c.workspace_id AS "workspaceId", c.provider, c.job_id AS "jobId",
           c.as_of::text AS day, c.reserved_cost_micros AS "heldMicros", coalesce(jsonb_agg(s.prospect_id), '[]') AS "prospectIds"
    FROM provider_calls c JOIN snapshots s ON s.call_id = c.id AND s.status = 'claimed'
    WHERE c.id = ANY(${sql.param([...ids])}::uuid[]) GROUP BY c.id`);
  return rows;
}

export interface UnknownCall {
  id: string;
  jobId: string;
  provider: string;
  operation: string;
  field: string;
  /** In the provider's terms; what is personal is a hash. */
  subjects: string[];
  heldMicros: number;
  errorKind: string | null;
  httpStatus: number | null;
  createdAt: string;
  endedAt: string;
}

/** Calls of which nobody knows whether they were paid for, the oldest first. */
export async function listUnknownCalls(
  tx: Tx,
  workspaceId: string,
  { afterId, limit }: { afterId: string | null; limit: number },
): Promise<UnknownCall[]> {
  const { rows } = await tx.execute<UnknownCall & Record<string, unknown>>(sql`
    SELECT c.id, c.job_id AS "jobId", c.provider, c.operation, c.field, c.reserved_cost_micros AS "heldMicros",
           c.error_kind AS "errorKind", c.http_status AS "httpStatus",
           to_jsonb(c.created_at) #>> '{}' AS "createdAt", to_jsonb(c.ended_at) #>> '{}' AS "endedAt",
           ARRAY(SELECT subject FROM snapshots s WHERE s.call_id = c.id AND s.status = 'claimed' ORDER BY 1) AS subjects
    FROM provider_calls c
    WHERE c.workspace_id = ${workspaceId} AND c.status = 'unknown' AND (${afterId}::uuid IS NULL OR c.id > ${afterId})
    ORDER BY c.id LIMIT ${limit}`);
  return rows;
}

/** Locks an unknown call; null: there is none with this id. */
export async function lockUnknownCall(tx: Tx, id: string): Promise<OpenCall | null> {
  const { rowCount } = await tx.execute(sql`
    SELECT FROM provider_calls WHERE id = ${id} AND status = 'unknown' FOR UPDATE`);
  if (rowCount === 0) return null;
  const [call] = await openCalls(tx, [id]);
  return call ?? null;
}
