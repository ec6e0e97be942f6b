import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import { after } from "./instants.ts";
import { executePrepared } from "./prepared.ts";

export interface NewEvent {
  id: string;
  name: string;
  data: { workspaceId: string };
}

/** Writes events down, each to be sent `eachMs` later than the one before, the first after `sendAfterMs`. */
export async function insertEvents(
  tx: Tx,
  events: readonly NewEvent[],
  { sendAfterMs, eachMs }: { sendAfterMs: number; eachMs: number },
): Promise<void> {
  await executePrepared(
    tx,
    sql`
    INSERT INTO outbox (id, workspace_id, name, data, next_send_at)
    SELECT (row->>'id')::uuid, (row->'data'->>'workspaceId')::uuid, row->>'name', row->'data',
           now() + (${sendAfterMs}::float8 + (place - 1) * ${eachMs}::float8) * interval '1 millisecond'
    FROM jsonb_array_elements(${JSON.stringify(events)}::jsonb) WITH ORDINALITY AS each (row, place)`,
  );
}

/** Says that a run has taken an event up. */
export async function consumeEvent(tx: Tx, id: string): Promise<void> {
  await executePrepared(
    tx,
    sql`UPDATE outbox SET consumed_at = now() WHERE id = ${id} AND consumed_at IS NULL`,
  );
}

export interface DueEvent {
  id: string;
  name: string;
  data: Record<string, unknown>;
  /** This sending included. */
  sends: number;
}

const MAX_RESEND_MS = 600_000;

/**
 * Takes events that are due, oldest first, and sets when each is due again if no run takes it up: `resendMs`,
 * doubled at each sending, ten minutes at most. Replicas share the rows (SKIP LOCKED).
 */
export async function claimDueEvents(
  tx: Tx,
  { limit, resendMs }: { limit: number; resendMs: number },
): Promise<DueEvent[]> {
  const { rows } = await tx.execute<DueEvent & Record<string, unknown>>(sql`
    -- Materialized: a sub-select with LIMIT may be run once per row, and then takes more than its limit.
    WITH due AS MATERIALIZED (
      SELECT id, next_send_at FROM outbox WHERE consumed_at IS NULL AND next_send_at <= now()
      ORDER BY next_send_at, id LIMIT ${limit} FOR UPDATE SKIP LOCKED),
    taken AS (
      UPDATE outbox SET
        sends = sends + 1,
        sent_at = now(),
        next_send_at = now() + least(${resendMs} * power(2, least(sends, 20)), ${MAX_RESEND_MS}) * interval '1 millisecond'
      FROM due WHERE outbox.id = due.id
      RETURNING outbox.id, name, data, sends, due.next_send_at AS due_at)
    SELECT id, name, data, sends FROM taken ORDER BY due_at, id`);
  return rows;
}

/** Sets the next sending of events whose sending failed; that sending does not count. */
export async function deferEvents(tx: Tx, ids: string[], ms: number): Promise<void> {
  await tx.execute(sql`
    UPDATE outbox SET sends = greatest(sends - 1, 0), next_send_at = ${after(ms)}
    WHERE id = ANY(${sql.param(ids)}::uuid[]) AND consumed_at IS NULL`);
}

/** Removes events consumed long ago, a batch at a time, and returns how many. */
export async function deleteConsumedEvents(tx: Tx, olderThanMs: number): Promise<number> {
  const { rowCount } = await tx.execute(sql`
    WITH old AS MATERIALIZED (
      SELECT id FROM outbox WHERE consumed_at < now() - ${olderThanMs} * interval '1 millisecond' LIMIT 10000)
    DELETE FROM outbox USING old WHERE outbox.id = old.id`);
  return rowCount ?? 0;
}
