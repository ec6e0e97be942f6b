/** Addresses that want to know of events. */
import { type SQL, sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { disabledReasons } from "#db/schema/webhook-endpoints.ts";
import { iso } from "./instants.ts";

export type DisabledReason = (typeof disabledReasons)[number];

export interface WebhookEndpoint {
  id: string;
  url: string;
  description: string;
  eventTypes: string[];
  secretLast4: string;
  /** Null: it is sent what it wants. */
  disabledReason: DisabledReason | null;
  /** ISO 8601, as are all instants here. */
  disabledAt: string | null;
  failingSince: string | null;
  createdBy: string;
  createdAt: string;
}

const columns = sql`id, url, description, event_types AS "eventTypes", secret_last4 AS "secretLast4",
  disabled_reason AS "disabledReason", disabled_at AS "disabledAt", failing_since AS "failingSince",
  created_by AS "createdBy", created_at AS "createdAt"`;

const read = (row: WebhookEndpoint): WebhookEndpoint => ({
  ...row,
  disabledAt: row.disabledAt && iso(row.disabledAt),
  failingSince: row.failingSince && iso(row.failingSince),
  createdAt: iso(row.createdAt),
});

async function one(tx: Tx, statement: SQL): Promise<WebhookEndpoint | null> {
  const { rows } = await tx.execute<WebhookEndpoint & Record<string, unknown>>(statement);
  return rows[0] ? read(rows[0]) : null;
}

export async function insertEndpoint(
  tx: Tx,
  endpoint: {
    id: string;
    workspaceId: string;
    url: string;
    description: string;
    eventTypes: readonly string[];
    secretSealed: string;
    secretLast4: string;
    by: string;
  },
): Promise<WebhookEndpoint> {
  const { id, workspaceId, url, description, eventTypes, secretSealed, secretLast4, by } = endpoint;
  const inserted = await one(
    tx,
    sql`
    INSERT INTO webhook_endpoints (id, workspace_id, url, description, event_types, secret_sealed, secret_last4, created_by)
    VALUES (${id}, ${workspaceId}, ${url}, ${description}, ${sql.param([...eventTypes])}::text[], ${secretSealed},
      ${secretLast4}, ${by})
    RETURNING ${columns}`,
  );
  return inserted as WebhookEndpoint;
}

export async function listEndpoints(
  tx: Tx,
  { afterId, limit }: { afterId: string | null; limit: number },
): Promise<WebhookEndpoint[]> {
  const { rows } = await tx.execute<WebhookEndpoint & Record<string, unknown>>(sql`
    SELECT ${columns} FROM webhook_endpoints WHERE ${afterId}::uuid IS NULL OR id > ${afterId}::uuid
    ORDER BY id LIMIT ${limit}`);
  return rows.map(read);
}

export const findEndpoint = (tx: Tx, id: string): Promise<WebhookEndpoint | null> =>
  one(tx, sql`SELECT ${columns} FROM webhook_endpoints WHERE id = ${id}`);

/** Changes what is given. Switched on again, its failures are forgotten. Null: there is no such endpoint. */
export const updateEndpoint = (
  tx: Tx,
  id: string,
  changes: { url?: string; description?: string; eventTypes?: readonly string[]; enabled?: boolean },
): Promise<WebhookEndpoint | null> =>
  one(
    tx,
    sql`
    UPDATE webhook_endpoints SET
      url = coalesce(${changes.url ?? null}, url),
      description = coalesce(${changes.description ?? null}, description),
      event_types = coalesce(${changes.eventTypes ? sql.param([...changes.eventTypes]) : null}::text[], event_types),
      disabled_reason = CASE ${changes.enabled ?? null}::boolean WHEN true THEN NULL
        WHEN false THEN coalesce(disabled_reason, 'by_hand') ELSE disabled_reason END,
      disabled_at = CASE ${changes.enabled ?? null}::boolean WHEN true THEN NULL
        WHEN false THEN coalesce(disabled_at, now()) ELSE disabled_at END,
      failing_since = CASE WHEN ${changes.enabled ?? null}::boolean THEN NULL ELSE failing_since END,
      updated_at = now()
    WHERE id = ${id} RETURNING ${columns}`,
  );

/** The secret before signs beside the new one until `previousUntil`. Null: there is no such endpoint. */
export const replaceEndpointSecret = (
  tx: Tx,
  id: string,
  secret: { sealed: string; last4: string; previousUntil: Date },
): Promise<WebhookEndpoint | null> =>
  one(
    tx,
    sql`
    UPDATE webhook_endpoints SET previous_sealed = secret_sealed, previous_until = ${secret.previousUntil.toISOString()},
      secret_sealed = ${secret.sealed}, secret_last4 = ${secret.last4}, updated_at = now()
    WHERE id = ${id} RETURNING ${columns}`,
  );

export async function deleteEndpoint(tx: Tx, id: string): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`DELETE FROM webhook_endpoints WHERE id = ${id}`);
  return rowCount === 1;
}

/** Sends it nothing any more: what is pending was missed. False: it was disabled before. */
export async function disableEndpoint(tx: Tx, id: string, reason: DisabledReason): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    UPDATE webhook_endpoints SET disabled_reason = ${reason}, disabled_at = now(), updated_at = now()
    WHERE id = ${id} AND disabled_reason IS NULL`);
  if (rowCount === 0) return false;
  await tx.execute(sql`
    UPDATE endpoint_deliveries SET status = 'missed', due_at = NULL, ended_at = now()
    WHERE endpoint_id = ${id} AND status = 'pending'`);
  return true;
}

/** Notes how an attempt went. Returns since when it fails at everything; null: it does not. */
export async function noteOutcome(tx: Tx, id: string, succeeded: boolean, at: Date): Promise<Date | null> {
  const { rows } = await tx.execute<{ failingSince: string | null }>(sql`
    UPDATE webhook_endpoints
    SET failing_since = CASE WHEN ${succeeded} THEN NULL ELSE coalesce(failing_since, ${at.toISOString()}::timestamptz) END
    WHERE id = ${id} RETURNING failing_since AS "failingSince"`);
  const since = rows[0]?.failingSince;
  return since ? new Date(since) : null;
}
