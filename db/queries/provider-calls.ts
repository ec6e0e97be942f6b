/**
 * The ledger of requests to providers, and the claims and answers that belong to them: reserved before the request,
 * settled after it, many at a time. An attempt is the fence: whoever was superseded changes nothing.
 */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import { after } from "./instants.ts";
import { executePrepared } from "./prepared.ts";
import { SNAPSHOT_COLUMNS, type SnapshotRow, type StoredAnswer, toStoredAnswer } from "./snapshots.ts";

/** One attempt at one call. */
export interface CallKey {
  id: string;
  attempt: number;
}

/** What calls of one lookup have in common. */
export interface CallOrigin {
  workspaceId: string;
  jobId: string;
  field: string;
  provider: string;
  operation: string;
  /** The day in Romania, ISO 8601. */
  day: string;
}

/** Until this transaction ends nobody else decides who asks this of the provider, in this workspace. */
export async function lockOperation(tx: Tx, origin: CallOrigin): Promise<void> {
  const key = `provider-calls:${origin.workspaceId}:${origin.provider}:${origin.operation}`;
  await executePrepared(tx, sql`SELECT pg_advisory_xact_lock(hashtextextended(${key}, 0))`);
}

export interface NewCall {
  idempotencyKey: string;
  /** What is held for all its subjects. */
  costMicros: number;
  questions: readonly { subject: string; prospectId: string }[];
}

/**
 * Writes calls down and claims their subjects; an ended call with the same key is taken up again with its next attempt.
 * The caller holds {@link lockOperation} and has seen that the subjects are free.
 */
export async function reserveCalls(
  tx: Tx,
  origin: CallOrigin,
  { repeatable, leaseMs }: { repeatable: boolean; leaseMs: number },
  calls: readonly NewCall[],
): Promise<CallKey[]> {
  const { workspaceId, jobId, field, provider, operation, day } = origin;
  const keys = calls.map(({ idempotencyKey }) => idempotencyKey);
  const costs = calls.map(({ costMicros }) => costMicros);
  const counts = calls.map(({ questions }) => questions.length);
  const claims = calls
    .flatMap(({ idempotencyKey, questions }) =>
      questions.map((question) => ({ idempotencyKey, ...question })),
    )
    .toSorted((a, b) => (a.subject < b.subject ? -1 : 1));
  const { rows } = await executePrepared<
    CallKey & Record<string, unknown> & { key: string; claimed: number }
  >(
    tx,
    sql`
    WITH call AS (
      INSERT INTO provider_calls AS mine (workspace_id, job_id, field, provider, operation, as_of, repeatable,
        idempotency_key, subjects, reserved_cost_micros, lease_until)
      SELECT ${workspaceId}, ${jobId}, ${field}, ${provider}, ${operation}, ${day}::date, ${repeatable}, key, subjects,
        cost, ${after(leaseMs)}
      FROM unnest(${sql.param(keys)}::text[], ${sql.param(counts)}::int[], ${sql.param(costs)}::bigint[])
        AS new (key, subjects, cost)
      ON CONFLICT (workspace_id, idempotency_key, operation) DO UPDATE SET
        status = 'reserved', attempts = mine.attempts + 1, as_of = excluded.as_of,
        reserved_cost_micros = excluded.reserved_cost_micros, lease_until = excluded.lease_until,
        error_kind = NULL, http_status = NULL, duration_ms = NULL, ended_at = NULL
      WHERE mine.status IN ('settled', 'failed')
      RETURNING id, attempts, idempotency_key
    ), claim AS (
      INSERT INTO snapshots (workspace_id, call_id, provider, operation, subject, as_of, prospect_id)
      SELECT ${workspaceId}, call.id, ${provider}, ${operation}, subject, ${day}::date, prospect
      FROM unnest(${sql.param(claims.map(({ idempotencyKey }) => idempotencyKey))}::text[],
        ${sql.param(claims.map(({ subject }) => subject))}::text[],
        ${sql.param(claims.map(({ prospectId }) => prospectId))}::uuid[]) AS wanted (key, subject, prospect)
      JOIN call ON call.idempotency_key = wanted.key
      ON CONFLICT (workspace_id, provider, operation, subject, as_of) DO NOTHING
      RETURNING 1
    )
    SELECT id, attempts AS attempt, idempotency_key AS key, (SELECT count(*) FROM claim)::int AS claimed FROM call`,
  );
  if (rows.length !== calls.length || rows[0]?.claimed !== claims.length) {
    throw new Error(`Subjects of ${provider} were claimed past the lock`);
  }
  const byKey = new Map(rows.map(({ key, id, attempt }) => [key, { id, attempt }]));
  return keys.map((key) => byKey.get(key) as CallKey);
}

/** Written before requests go out. Returns those that are still the caller's; the others must not be sent. */
export async function markSending(tx: Tx, calls: readonly CallKey[]): Promise<Set<string>> {
  if (calls.length === 0) return new Set();
  return idsOf(
    executePrepared<{ id: string }>(
      tx,
      sql`
      UPDATE provider_calls c SET status = 'sending' FROM ${unnestCalls(calls)} AS mine (id, attempt)
      WHERE c.id = mine.id AND c.attempts = mine.attempt AND c.status = 'reserved' RETURNING c.id`,
    ),
  );
}

/** Their owner is alive. Returns those that are still the caller's. */
export async function renewLeases(tx: Tx, calls: readonly CallKey[], leaseMs: number): Promise<Set<string>> {
  return idsOf(
    tx.execute<{ id: string }>(sql`
      UPDATE provider_calls c SET lease_until = ${after(leaseMs)} FROM ${unnestCalls(calls)} AS mine (id, attempt)
      WHERE c.id = mine.id AND c.attempts = mine.attempt AND c.status IN ('reserved', 'sending') RETURNING c.id`),
  );
}

/** How a call has ended. */
export interface CallEnd extends CallKey {
  /**
   * `settled`: answered, or paid for. `failed`: neither; it may be reserved again. `unknown`: perhaps paid for, and
   * nobody asks again.
   */
  status: "settled" | "failed" | "unknown";
  /** Whether a request went out, or may have. */
  requested: boolean;
  costMicros: number;
  overchargedMicros: number;
  found: number;
  /** Kind of the ProviderError, or another stable code; null for an answer. */
  errorKind: string | null;
  httpStatus: number | null;
  /** From the request's turn to its answer; null where there was no request. */
  durationMs: number | null;
  /** The provider itself said that we are too fast. */
  rateLimited: boolean;
  answers: readonly AnswerToStore[];
  /** Paid for, and not heard: its claims become that, instead of being free again. */
  lost: boolean;
}

export interface AnswerToStore {
  subject: string;
  /** JSON, or null for "not found". */
  body: string | null;
  costMicros: number;
}

export interface EndedCalls {
  /** Ids of those that were the caller's to end: nothing was written of the others. */
  ended: Set<string>;
  answers: StoredAnswer[];
}

/**
 * Ends calls and stores their answers. Costs of several attempts add up. An answer that comes after its call was given
 * up as unknown is taken all the same: nobody can have asked again.
 */
export async function endCalls(tx: Tx, ends: readonly CallEnd[]): Promise<EndedCalls> {
  const calls = ends.map(({ answers: _, ...end }) => end);
  const answers = ends.flatMap(({ id, answers }) => answers.map((answer) => ({ callId: id, ...answer })));
  const { rows } = await executePrepared<SnapshotRow & { endedCall: string | null }>(
    tx,
    sql`
    WITH ended AS (
      UPDATE provider_calls c SET status = e.status, cost_micros = c.cost_micros + e."costMicros",
        overcharged_micros = c.overcharged_micros + e."overchargedMicros", found = c.found + e.found,
        requests = c.requests + e.requested::int, rate_limited = c.rate_limited + e."rateLimited"::int,
        error_kind = e."errorKind", http_status = e."httpStatus", duration_ms = e."durationMs",
        lease_until = NULL, ended_at = now()
      FROM jsonb_to_recordset(${JSON.stringify(calls)}::jsonb) AS e (
        id uuid, attempt int, status text, requested boolean, "costMicros" bigint, "overchargedMicros" bigint,
        found int, "errorKind" text, "httpStatus" int, "durationMs" int, "rateLimited" boolean, lost boolean)
      WHERE c.id = e.id AND c.attempts = e.attempt AND c.status IN ('reserved', 'sending', 'unknown')
      RETURNING c.id, c.status, e.lost
    ), answer AS (
      SELECT * FROM unnest(${sql.param(answers.map(({ callId }) => callId))}::uuid[],
        ${sql.param(answers.map(({ subject }) => subject))}::text[],
        ${sql.param(answers.map(({ body }) => body))}::text[],
        ${sql.param(answers.map(({ costMicros }) => costMicros))}::bigint[]) AS a (call_id, subject, body, cost)
    ), stored AS (
      UPDATE snapshots s SET status = CASE WHEN a.body IS NULL THEN 'not_found' ELSE 'found' END,
        body = a.body::jsonb, cost_micros = a.cost, settled_at = now()
      FROM answer a JOIN ended ON ended.id = a.call_id
      WHERE s.call_id = a.call_id AND s.subject = a.subject AND s.status = 'claimed'
      RETURNING ${SNAPSHOT_COLUMNS}
    ), lost AS (
      UPDATE snapshots s SET status = 'lost', settled_at = now() FROM ended
      WHERE s.call_id = ended.id AND s.status = 'claimed' AND ended.lost
    ), freed AS (
      DELETE FROM snapshots s USING ended
      WHERE s.call_id = ended.id AND s.status = 'claimed' AND ended.status <> 'unknown' AND NOT ended.lost
        AND NOT EXISTS (SELECT FROM answer a WHERE a.call_id = s.call_id AND a.subject = s.subject)
    )
    SELECT NULL AS "endedCall", * FROM stored
    UNION ALL SELECT id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM ended`,
  );
  return {
    ended: new Set(rows.flatMap(({ endedCall }) => endedCall ?? [])),
    answers: rows.filter(({ endedCall }) => endedCall === null).map(toStoredAnswer),
  };
}

const unnestCalls = (calls: readonly CallKey[]) => sql`unnest(${sql.param(calls.map(({ id }) => id))}::uuid[],
  ${sql.param(calls.map(({ attempt }) => attempt))}::int[])`;

async function idsOf(query: Promise<{ rows: { id: string }[] }>): Promise<Set<string>> {
  return new Set((await query).rows.map(({ id }) => id));
}
