/** How many webhooks were refused. */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";

export interface Refusals {
  provider: string;
  /** UTC. */
  day: string;
  reason: string;
  count: number;
}

export async function addRefusals(tx: Tx, workspaceId: string, refusals: readonly Refusals[]): Promise<void> {
  await tx.execute(sql`
    INSERT INTO webhook_refusals AS r (workspace_id, provider, day, reason, count)
    SELECT ${workspaceId}::uuid, provider, day, reason, count
    FROM jsonb_to_recordset(${JSON.stringify(refusals)}::jsonb) AS e (provider text, day date, reason text, count integer)
    ORDER BY provider, day, reason
    ON CONFLICT (workspace_id, provider, day, reason) DO UPDATE SET count = r.count + excluded.count`);
}

/** Since a day, that day included; the newest first. */
export async function listRefusals(tx: Tx, workspaceId: string, sinceDay: string): Promise<Refusals[]> {
  const { rows } = await tx.execute<Refusals & Record<string, unknown>>(sql`
    SELECT provider, day::text, reason, count FROM webhook_refusals
    WHERE workspace_id = ${workspaceId} AND day >= ${sinceDay} ORDER BY day DESC, provider, reason`);
  return rows;
}
