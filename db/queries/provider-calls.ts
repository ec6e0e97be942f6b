/**
 * The ledger of requests to providers: reserved before the request, settled or failed after it. An attempt is the
 * fence: whoever was superseded changes nothing.
 */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import { after } from "./instants.ts";

/** One attempt at one call. */
export interface CallKey {
  id: string;
  attempt: number;
}

export interface Reservation {
  workspaceId: string;
  jobId: string;
  provider: string;
  operation: string;
  idempotencyKey: string;
  subjects: number;
  costMicros: number;
  leaseMs: number;
}

export interface CallState extends CallKey {
  status: "reserved" | "settled" | "failed" | "unknown";
  /** Reserved, and its owner is still taken to be alive. */
  live: boolean;
}

/** Until this transaction ends nobody else decides who asks this provider about what, in this workspace. */
export async function lockProvider(tx: Tx, workspaceId: string, provider: string): Promise<void> {
  const key = `provider-calls:${workspaceId}:${provider}`;
  await tx.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended(${key}, 0))`);
}

export async function findCall(
  tx: Tx,
  workspaceId: string,
  idempotencyKey: string,
): Promise<CallState | null> {
  const { rows } = await tx.execute<CallState & Record<string, unknown>>(sql`
    SELECT id, attempts AS attempt, status, status = 'reserved' AND lease_until > now() AS live FROM provider_calls
    WHERE workspace_id = ${workspaceId} AND idempotency_key = ${idempotencyKey} FOR UPDATE`);
  return rows[0] ?? null;
}

/** Makes the call's row, or takes an ended one up again with the next attempt. The caller has made sure it may. */
export async function reserveCall(tx: Tx, call: Reservation): Promise<CallKey> {
  const { rows } = await tx.execute<CallKey & Record<string, unknown>>(sql`
    INSERT INTO provider_calls AS mine
      (workspace_id, job_id, provider, operation, idempotency_key, subjects, reserved_cost_micros, lease_until)
    VALUES (${call.workspaceId}, ${call.jobId}, ${call.provider}, ${call.operation}, ${call.idempotencyKey},
      ${call.subjects}, ${call.costMicros}, ${after(call.leaseMs)})
    ON CONFLICT (workspace_id, idempotency_key) DO UPDATE SET
      status = 'reserved', attempts = mine.attempts + 1, reserved_cost_micros = excluded.reserved_cost_micros,
      lease_until = excluded.lease_until, error_kind = NULL, http_status = NULL, duration_ms = NULL, ended_at = NULL
    RETURNING id, attempts AS attempt`);
  return rows[0] as CallKey;
}

/** Its owner is alive. False: it has been superseded. */
export async function renewLease(tx: Tx, { id, attempt }: CallKey, leaseMs: number): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    UPDATE provider_calls SET lease_until = ${after(leaseMs)}
    WHERE id = ${id} AND attempts = ${attempt} AND status = 'reserved'`);
  return rowCount === 1;
}

/** The answer is here. Costs of several attempts add up. False: superseded, the caller must write nothing. */
export async function settleCall(
  tx: Tx,
  { id, attempt }: CallKey,
  { costMicros, durationMs }: { costMicros: number; durationMs: number },
): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    UPDATE provider_calls SET status = 'settled', cost_micros = cost_micros + ${costMicros},
      duration_ms = ${durationMs}, lease_until = NULL, ended_at = now()
    WHERE id = ${id} AND attempts = ${attempt} AND status = 'reserved'`);
  return rowCount === 1;
}

export interface CallFailure {
  /** `unknown`: the provider may have done what was asked, so that nobody asks again. */
  status: "failed" | "unknown";
  /** Kind of the ProviderError, or another stable code. */
  kind: string;
  httpStatus: number | null;
  durationMs: number;
  /** The provider itself said that we are too fast. */
  rateLimited: boolean;
}

/** There is no answer. A failed call may be reserved again. False: superseded. */
export async function failCall(tx: Tx, { id, attempt }: CallKey, failure: CallFailure): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    UPDATE provider_calls SET status = ${failure.status}, error_kind = ${failure.kind}, http_status = ${failure.httpStatus},
      duration_ms = ${failure.durationMs}, rate_limited = rate_limited + ${failure.rateLimited ? 1 : 0},
      lease_until = NULL, ended_at = now()
    WHERE id = ${id} AND attempts = ${attempt} AND status = 'reserved'`);
  return rowCount === 1;
}

/**
 * Ends a call whose owner is taken for dead: `failed` where asking again is harmless, else `unknown`, which is for
 * a person to look at. False: it has ended in the meantime.
 */
export async function endDeadCall(tx: Tx, id: string, repeatable: boolean): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    UPDATE provider_calls SET status = ${repeatable ? "failed" : "unknown"}, error_kind = 'lease_expired',
      lease_until = NULL, ended_at = now()
    WHERE id = ${id} AND status = 'reserved' AND lease_until <= now()`);
  return rowCount === 1;
}
