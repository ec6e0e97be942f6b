/** Webhooks as they came in: stored once, read once, and again when somebody asks. */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { DeliveryStatus } from "#db/schema/webhook-deliveries.ts";
import { iso } from "./instants.ts";

export interface NewDelivery {
  id: string;
  provider: string;
  dedupeKey: string;
  headers: Record<string, string>;
  body: Buffer;
  sha256: Buffer;
  receivedAt: Date;
}

/** Stores those that are not there yet, and returns their ids. */
export async function insertDeliveries(
  tx: Tx,
  workspaceId: string,
  deliveries: readonly NewDelivery[],
): Promise<Set<string>> {
  // In one order, so that replicas which store the same ones wait for each other and never in a circle.
  const sorted = deliveries.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const column = <T>(of: (delivery: NewDelivery) => T) => sql.param(sorted.map(of));
  const { rows } = await tx.execute<{ id: string }>(sql`
    INSERT INTO webhook_deliveries (id, workspace_id, provider, dedupe_key, headers, body, body_sha256, received_at)
    SELECT id, ${workspaceId}::uuid, provider, dedupe_key, headers::jsonb, body, sha256, received_at
    FROM unnest(${column(({ id }) => id)}::uuid[], ${column(({ provider }) => provider)}::text[],
                ${column(({ dedupeKey }) => dedupeKey)}::text[],
                ${column(({ headers }) => JSON.stringify(headers))}::text[],
                ${column(({ body }) => body)}::bytea[], ${column(({ sha256 }) => sha256)}::bytea[],
                ${column(({ receivedAt }) => receivedAt.toISOString())}::timestamptz[])
      AS d (id, provider, dedupe_key, headers, body, sha256, received_at)
    ON CONFLICT ON CONSTRAINT webhook_deliveries_dedupe_key DO NOTHING
    RETURNING id`);
  return new Set(rows.map(({ id }) => id));
}

const keyOf = ({ provider, dedupeKey }: NewDelivery) => `${provider} ${dedupeKey}`;

export interface StoredDelivery {
  id: string;
  headers: Record<string, string>;
  /** Null: removed. */
  body: Buffer | null;
}

/** Those of them that wait to be normalised, locked until the transaction ends. */
export async function lockReceived(
  tx: Tx,
  { provider, ids }: { provider: string; ids: readonly string[] },
): Promise<StoredDelivery[]> {
  const { rows } = await tx.execute<StoredDelivery & Record<string, unknown>>(sql`
    SELECT id, headers, body FROM webhook_deliveries
    WHERE id = ANY(${sql.param([...ids])}::uuid[]) AND provider = ${provider} AND status = 'received'
    ORDER BY id FOR UPDATE`);
  return rows;
}

export interface EndedDelivery {
  id: string;
  status: Exclude<DeliveryStatus, "received">;
  eventType: string | null;
  problem: string | null;
  /** Its body is not kept. */
  dropsBody: boolean;
}

export async function endDeliveries(tx: Tx, ended: readonly EndedDelivery[]): Promise<void> {
  await tx.execute(sql`
    UPDATE webhook_deliveries d
    SET status = e.status, event_type = e."eventType", problem = e.problem, processed_at = now(),
        body = CASE WHEN e."dropsBody" THEN NULL ELSE d.body END
    FROM jsonb_to_recordset(${JSON.stringify(ended)}::jsonb)
      AS e (id uuid, status text, "eventType" text, problem text, "dropsBody" boolean)
    WHERE d.id = e.id`);
}

export interface DeliveryRow {
  id: string;
  provider: string;
  status: DeliveryStatus;
  eventType: string | null;
  problem: string | null;
  /** 0: removed. */
  sizeBytes: number;
  /** ISO 8601. */
  receivedAt: string;
  processedAt: string | null;
}

/** The newest first. */
export async function listDeliveries(
  tx: Tx,
  filter: {
    workspaceId: string;
    provider: string | null;
    status: DeliveryStatus | null;
    beforeId: string | null;
    limit: number;
  },
): Promise<DeliveryRow[]> {
  const { workspaceId, provider, status, beforeId, limit } = filter;
  const { rows } = await tx.execute<DeliveryRow & Record<string, unknown>>(sql`
    SELECT id, provider, status, event_type AS "eventType", problem, coalesce(length(body), 0) AS "sizeBytes",
           received_at AS "receivedAt", processed_at AS "processedAt"
    FROM webhook_deliveries
    WHERE workspace_id = ${workspaceId} AND (${provider}::text IS NULL OR provider = ${provider})
      AND (${status}::text IS NULL OR status = ${status}) AND (${beforeId}::uuid IS NULL OR id < ${beforeId})
    ORDER BY id DESC LIMIT ${limit}`);
  return rows.map((row) => ({
    ...row,
    receivedAt: iso(row.receivedAt),
    processedAt: row.processedAt && iso(row.processedAt),
  }));
}

/** What can be told of a delivery before it is read again; null: there is none. Locked until the transaction ends. */
export async function lockDelivery(
  tx: Tx,
  workspaceId: string,
  id: string,
): Promise<{ provider: string; status: DeliveryStatus; hasBody: boolean } | null> {
  const { rows } = await tx.execute<{ provider: string; status: DeliveryStatus; hasBody: boolean }>(sql`
    SELECT provider, status, body IS NOT NULL AS "hasBody" FROM webhook_deliveries
    WHERE workspace_id = ${workspaceId} AND id = ${id} FOR UPDATE`);
  return rows[0] ?? null;
}

/** It waits to be normalised, as if it had just come in. */
export async function reopenDelivery(tx: Tx, id: string): Promise<void> {
  await tx.execute(sql`
    UPDATE webhook_deliveries
    SET status = 'received', event_type = NULL, problem = NULL, processed_at = NULL, requested_at = clock_timestamp()
    WHERE id = ${id}`);
}

/** Takes those of them upon itself that have waited for so long, and returns which: another replica may have been first. */
export async function claimOverdue(tx: Tx, ids: readonly string[], olderThanMs: number): Promise<string[]> {
  const { rows } = await tx.execute<{ id: string }>(sql`
    UPDATE webhook_deliveries SET requested_at = clock_timestamp()
    WHERE id = ANY(${sql.param([...ids])}::uuid[]) AND status = 'received'
      AND requested_at < now() - ${olderThanMs} * interval '1 millisecond'
    RETURNING id`);
  return rows.map(({ id }) => id);
}

/** What has waited for so long, the longest first, of all workspaces: as `cerniq_system`. */
export async function overdueDeliveries(
  tx: Tx,
  { olderThanMs, limit }: { olderThanMs: number; limit: number },
): Promise<{ id: string; workspaceId: string; provider: string }[]> {
  const { rows } = await tx.execute<{ id: string; workspaceId: string; provider: string }>(sql`
    SELECT id, workspace_id AS "workspaceId", provider FROM webhook_deliveries
    WHERE status = 'received' AND requested_at < now() - ${olderThanMs} * interval '1 millisecond'
    ORDER BY requested_at LIMIT ${limit}`);
  return rows;
}
