/** How functions stand in a workspace, by our own tables. */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";

export interface FunctionFigures {
  id: string;
  /** Chunks that wait for their turn, or for a pause to be lifted. */
  waiting: number;
  running: number;
  /** Chunks that failed for good in the last 24 hours, and the last of these. */
  failed: number;
  lastError: { code: string; message: string; at: string } | null;
}

/** Of functions that work on chunks; one that has nothing to do, and did not fail, is not in it. */
export async function chunkFunctionFigures(tx: Tx): Promise<FunctionFigures[]> {
  const { rows } = await tx.execute<FunctionFigures & Record<string, unknown>>(sql`
    WITH open AS (
      SELECT field AS id, count(*) FILTER (WHERE status <> 'running')::int AS waiting,
             count(*) FILTER (WHERE status = 'running')::int AS running
      FROM chunk_fields WHERE status IN ('ready', 'requested', 'running') GROUP BY field
    ), failures AS (
      SELECT field AS id, count(*)::int AS failed,
             (array_agg(jsonb_build_object('code', error_code, 'message', error_message, 'at', ended_at)
                        ORDER BY ended_at DESC))[1] AS last
      FROM chunk_fields WHERE status = 'failed' AND ended_at > now() - interval '24 hours' GROUP BY field
    )
    SELECT id, coalesce(waiting, 0) AS waiting, coalesce(running, 0) AS running, coalesce(failed, 0) AS failed,
           last AS "lastError"
    FROM open FULL JOIN failures USING (id)`);
  return rows.map(({ lastError, ...row }) => ({
    ...row,
    lastError: lastError && { ...lastError, at: new Date(lastError.at).toISOString() },
  }));
}

/** Events that no run has taken up, by name. */
export async function waitingEvents(tx: Tx): Promise<ReadonlyMap<string, number>> {
  const { rows } = await tx.execute<{ name: string; count: number }>(
    sql`SELECT name, count(*)::int AS count FROM outbox WHERE consumed_at IS NULL GROUP BY name`,
  );
  return new Map(rows.map(({ name, count }) => [name, count]));
}

/** How many seconds the oldest work is past its deadline, across workspaces (call it in {@link inSystem}); 0: none is. */
export async function overdueSeconds(tx: Tx): Promise<number> {
  const { rows } = await tx.execute<{ seconds: number }>(sql`
    SELECT coalesce(extract(epoch FROM now() - least(
      (SELECT min(deadline_at) FROM chunk_fields WHERE status IN ('requested', 'running') AND deadline_at < now()),
      (SELECT min(deadline_at) FROM imports WHERE deadline_at < now()))), 0)::float8 AS seconds`);
  return rows[0]?.seconds ?? 0;
}
