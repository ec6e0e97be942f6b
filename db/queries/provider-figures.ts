import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";

export interface ProviderFigures {
  provider: string;
  /** Calls that were made and have ended in the last 24 hours. */
  calls: number;
  settled: number;
  found: number;
  costMicros: number;
  /** Of the last thousand answers; null without any. */
  medianLatencyMs: number | null;
}

/** How providers did over the last 24 hours. */
export async function providerFigures(
  tx: Tx,
  workspaceId: string,
  providers: readonly string[],
): Promise<ProviderFigures[]> {
  const { rows } = await tx.execute<ProviderFigures & Record<string, unknown>>(sql`
    SELECT p.provider, day.calls, day.settled, day.found, day.cost AS "costMicros", last.median AS "medianLatencyMs"
    FROM unnest(${sql.param([...providers])}::text[]) AS p (provider)
    CROSS JOIN LATERAL (
      SELECT count(*)::int AS calls, (count(*) FILTER (WHERE status = 'settled'))::int AS settled,
             coalesce(sum(found), 0)::int AS found, coalesce(sum(cost_micros), 0)::bigint AS cost
      FROM provider_calls
      WHERE workspace_id = ${workspaceId} AND provider = p.provider AND ended_at > now() - interval '24 hours'
        AND requests > 0) day
    CROSS JOIN LATERAL (
      SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ms) AS median FROM (
        SELECT duration_ms FROM provider_calls
        WHERE workspace_id = ${workspaceId} AND provider = p.provider AND ended_at > now() - interval '24 hours'
          AND status = 'settled' AND duration_ms IS NOT NULL
        ORDER BY ended_at DESC LIMIT 1000) recent) last`);
  return rows;
}
