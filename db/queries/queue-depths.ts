/** How much work waits, across workspaces: what metrics show. */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";

export interface QueueDepth {
  /** Id of a field or stage. */
  field: string;
  waiting: number;
  active: number;
}

/** Chunks that wait for a field's turn (also in the engine's queue), and those that it is working on. As the system. */
export async function queueDepths(tx: Tx): Promise<QueueDepth[]> {
  const { rows } = await tx.execute<QueueDepth & Record<string, unknown>>(sql`
    SELECT field, count(*) FILTER (WHERE status <> 'running')::int AS waiting,
           count(*) FILTER (WHERE status = 'running')::int AS active
    FROM chunk_fields WHERE status IN ('ready', 'requested', 'running') GROUP BY field`);
  return rows;
}

/** Events that no run has taken up, and no pause holds: how many, and how long the oldest has waited. As the system. */
export async function outboxLag(tx: Tx): Promise<{ pending: number; oldestSeconds: number }> {
  const { rows } = await tx.execute<{ pending: number; oldestSeconds: number }>(sql`
    SELECT count(*)::int AS pending,
           coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS "oldestSeconds"
    FROM outbox WHERE consumed_at IS NULL AND waits_for IS NULL`);
  return rows[0] ?? { pending: 0, oldestSeconds: 0 };
}
