/** Messages on their way to endpoints. */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { endpointDeliveryStatuses } from "#db/schema/endpoint-deliveries.ts";
import { iso } from "./instants.ts";

export interface PendingDelivery {
  id: string;
  endpointId: string;
}

/** Somebody should have heard of a delivery by then; else it is asked for again. */
const HEARD_OF_MS = 120_000;

const heardBy = (inMs: number) => sql`now() + ${inMs + HEARD_OF_MS} * interval '1 millisecond'`;

/**
 * Writes a message down for each endpoint that wants to know, also for one that was disabled because it failed: that has
 * missed it. Nothing is written when nobody does. Returns what has to be sent.
 * @param onlyTo this endpoint, whatever it wants
 */
export async function insertMessage(
  tx: Tx,
  message: { workspaceId: string; type: string; data: object; onlyTo?: string },
): Promise<PendingDelivery[]> {
  const { workspaceId, type, data, onlyTo = null } = message;
  const { rows } = await tx.execute<PendingDelivery & { status: string } & Record<string, unknown>>(sql`
    WITH wanting AS MATERIALIZED (
      SELECT id, disabled_reason FROM webhook_endpoints
      WHERE workspace_id = ${workspaceId} AND disabled_reason IS DISTINCT FROM 'by_hand'
        AND CASE WHEN ${onlyTo}::uuid IS NULL THEN ${type} = ANY(event_types) ELSE id = ${onlyTo}::uuid END),
    message AS (
      INSERT INTO webhook_messages (workspace_id, type, data)
      SELECT ${workspaceId}::uuid, ${type}, ${JSON.stringify(data)}::jsonb WHERE EXISTS (SELECT FROM wanting)
      RETURNING id)
    INSERT INTO endpoint_deliveries (workspace_id, endpoint_id, message_id, status, due_at, ended_at)
    SELECT ${workspaceId}::uuid, wanting.id, message.id,
      CASE WHEN disabled_reason IS NULL THEN 'pending' ELSE 'missed' END,
      CASE WHEN disabled_reason IS NULL THEN ${heardBy(0)} END,
      CASE WHEN disabled_reason IS NOT NULL THEN now() END
    FROM wanting CROSS JOIN message
    RETURNING id, endpoint_id AS "endpointId", status`);
  return rows.filter(({ status }) => status === "pending").map(({ id, endpointId }) => ({ id, endpointId }));
}

export interface TakenDelivery {
  id: string;
  endpointId: string;
  url: string;
  secretSealed: string;
  previousSealed: string | null;
  previousUntil: string | null;
  messageId: string;
  type: string;
  data: unknown;
  messageAt: string;
}

/** Begins the attempt that follows `attempts`. Null: somebody else has, or there is nothing to send any more. */
export async function takeDelivery(tx: Tx, id: string, attempts: number): Promise<TakenDelivery | null> {
  const { rows } = await tx.execute<TakenDelivery & Record<string, unknown>>(sql`
    UPDATE endpoint_deliveries d SET attempts = attempts + 1, due_at = ${heardBy(0)}
    FROM webhook_endpoints e, webhook_messages m
    WHERE d.id = ${id} AND d.status = 'pending' AND d.attempts = ${attempts} AND e.id = d.endpoint_id AND m.id = d.message_id
    RETURNING d.id, d.endpoint_id AS "endpointId", e.url, e.secret_sealed AS "secretSealed",
      e.previous_sealed AS "previousSealed", e.previous_until AS "previousUntil",
      m.id AS "messageId", m.type, m.data, m.created_at AS "messageAt"`);
  const [taken] = rows;
  return taken ? { ...taken, messageAt: iso(taken.messageAt) } : null;
}

export interface AttemptResult {
  httpStatus: number | null;
  errorCode: string | null;
  response: string | null;
  durationMs: number;
}

export async function recordAttempt(
  tx: Tx,
  workspaceId: string,
  deliveryId: string,
  { httpStatus, errorCode, response, durationMs }: AttemptResult,
): Promise<void> {
  await tx.execute(sql`
    INSERT INTO endpoint_attempts (workspace_id, delivery_id, http_status, error_code, response, duration_ms)
    VALUES (${workspaceId}, ${deliveryId}, ${httpStatus}, ${errorCode}, ${response}, ${durationMs})`);
}

/** What becomes of a delivery after its attempt number `attempts`. False: another attempt has begun meanwhile. */
export async function endAttempt(
  tx: Tx,
  id: string,
  attempts: number,
  next: { status: "delivered" | "failed" } | { status: "pending"; inMs: number },
): Promise<boolean> {
  const pending = next.status === "pending";
  const { rowCount } = await tx.execute(sql`
    UPDATE endpoint_deliveries SET status = ${next.status}, due_at = ${pending ? heardBy(next.inMs) : null},
      ended_at = ${pending ? null : sql`now()`}
    WHERE id = ${id} AND status = 'pending' AND attempts = ${attempts}`);
  return rowCount === 1;
}

/** Deliveries that nobody has heard of in time, as the system. */
export async function overdueDeliveries(
  tx: Tx,
  limit: number,
): Promise<{ workspaceId: string; id: string }[]> {
  const { rows } = await tx.execute<{ workspaceId: string; id: string }>(sql`
    SELECT workspace_id AS "workspaceId", id FROM endpoint_deliveries
    WHERE status = 'pending' AND due_at < now() ORDER BY due_at LIMIT ${limit}`);
  return rows;
}

/** Takes an overdue delivery, to ask for it again. Null: it is not overdue any more. */
export async function claimOverdue(
  tx: Tx,
  id: string,
): Promise<(PendingDelivery & { attempts: number }) | null> {
  const { rows } = await tx.execute<PendingDelivery & { attempts: number } & Record<string, unknown>>(sql`
    UPDATE endpoint_deliveries SET due_at = ${heardBy(0)} WHERE id = ${id} AND status = 'pending' AND due_at < now()
    RETURNING id, endpoint_id AS "endpointId", attempts`);
  return rows[0] ?? null;
}

/**
 * Begins anew with deliveries that were missed or have failed, the oldest first: those of messages since then, or this
 * one alone. Returns them in that order. `eachMs` apart.
 */
export async function reopenDeliveries(
  tx: Tx,
  which: { endpointId: string; since: Date; limit: number } | { id: string },
  eachMs: number,
): Promise<PendingDelivery[]> {
  const chosen =
    "id" in which
      ? sql`d.id = ${which.id}`
      : sql`d.endpoint_id = ${which.endpointId} AND d.status IN ('missed', 'failed')
            AND m.created_at >= ${which.since.toISOString()}::timestamptz`;
  const limit = "id" in which ? 1 : which.limit;
  const { rows } = await tx.execute<PendingDelivery & Record<string, unknown>>(sql`
    WITH chosen AS MATERIALIZED (
      SELECT d.id, row_number() OVER (ORDER BY m.id) - 1 AS place
      FROM endpoint_deliveries d JOIN webhook_messages m ON m.id = d.message_id
      WHERE ${chosen} ORDER BY m.id LIMIT ${limit}),
    reopened AS (
      UPDATE endpoint_deliveries d SET status = 'pending', attempts = 0, ended_at = NULL,
        due_at = now() + (${HEARD_OF_MS} + place * ${eachMs}) * interval '1 millisecond'
      FROM chosen WHERE d.id = chosen.id RETURNING d.id, d.endpoint_id AS "endpointId", place)
    SELECT id, "endpointId" FROM reopened ORDER BY place`);
  return rows.map(({ id, endpointId }) => ({ id, endpointId }));
}

export interface EndpointDelivery {
  id: string;
  messageId: string;
  type: string;
  status: (typeof endpointDeliveryStatuses)[number];
  attempts: number;
  /** ISO 8601. */
  createdAt: string;
  endedAt: string | null;
}

const listed = sql`d.id, d.message_id AS "messageId", m.type, d.status, d.attempts, d.created_at AS "createdAt",
  d.ended_at AS "endedAt"`;
const read = (row: EndpointDelivery): EndpointDelivery => ({
  ...row,
  createdAt: iso(row.createdAt),
  endedAt: row.endedAt && iso(row.endedAt),
});

/** The newest first. */
export async function listDeliveries(
  tx: Tx,
  page: { endpointId: string; status: string | null; beforeId: string | null; limit: number },
): Promise<EndpointDelivery[]> {
  const { rows } = await tx.execute<EndpointDelivery & Record<string, unknown>>(sql`
    SELECT ${listed} FROM endpoint_deliveries d JOIN webhook_messages m ON m.id = d.message_id
    WHERE d.endpoint_id = ${page.endpointId} AND (${page.status}::text IS NULL OR d.status = ${page.status})
      AND (${page.beforeId}::uuid IS NULL OR d.id < ${page.beforeId}::uuid)
    ORDER BY d.id DESC LIMIT ${page.limit}`);
  return rows.map(read);
}

export interface DeliveryWithAttempts extends EndpointDelivery {
  endpointId: string;
  data: unknown;
  log: (AttemptResult & { at: string })[];
}

/** One delivery with all its attempts, those of earlier rounds too. */
export async function findDelivery(tx: Tx, id: string): Promise<DeliveryWithAttempts | null> {
  const { rows } = await tx.execute<DeliveryWithAttempts & Record<string, unknown>>(sql`
    SELECT ${listed}, d.endpoint_id AS "endpointId", m.data, coalesce((
      SELECT jsonb_agg(jsonb_build_object('httpStatus', http_status, 'errorCode', error_code, 'response', response,
        'durationMs', duration_ms, 'at', at) ORDER BY a.id)
      FROM endpoint_attempts a WHERE a.delivery_id = d.id), '[]') AS log
    FROM endpoint_deliveries d JOIN webhook_messages m ON m.id = d.message_id WHERE d.id = ${id}`);
  const [row] = rows;
  if (!row) return null;
  return { ...row, ...read(row), log: row.log.map((attempt) => ({ ...attempt, at: iso(attempt.at) })) };
}
