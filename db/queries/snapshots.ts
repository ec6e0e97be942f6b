/** What providers said, by subject and day, and who is asking right now. */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";

export interface SubjectsOfDay {
  workspaceId: string;
  provider: string;
  /** ISO 8601 date. */
  asOf: string;
  subjects: readonly string[];
}

/** A claim and the state of the call that it belongs to, or a provider's answer. */
export type SnapshotState =
  | { subject: string; status: "claimed"; callId: string; callStatus: string; callLive: boolean }
  | StoredAnswer;

export type StoredAnswer = { subject: string; snapshotId: string; observedAt: Date } & (
  | { status: "found"; body: unknown }
  | { status: "not_found" }
);

interface Row extends Record<string, unknown> {
  subject: string;
  status: "claimed" | "found" | "not_found";
  id: string;
  body: unknown;
  settledAt: string;
  callId: string;
  callStatus: string;
  callLive: boolean;
}

const COLUMNS = sql`s.subject, s.status, s.id, s.body, s.settled_at AS "settledAt", s.call_id AS "callId"`;

/** Those of the subjects that are answered or being asked about, for that day. */
export async function findSnapshots(tx: Tx, which: SubjectsOfDay): Promise<SnapshotState[]> {
  const { rows } = await tx.execute<Row>(sql`
    SELECT ${COLUMNS}, c.status AS "callStatus", c.status = 'reserved' AND c.lease_until > now() AS "callLive"
    FROM snapshots s JOIN provider_calls c ON c.id = s.call_id
    WHERE s.workspace_id = ${which.workspaceId} AND s.provider = ${which.provider} AND s.as_of = ${which.asOf}
      AND s.subject = ANY(${sql.param(which.subjects)}::text[])`);
  return rows.map((row) => {
    if (row.status !== "claimed") return answerOf(row);
    const { subject, callId, callStatus, callLive } = row;
    return { subject, status: "claimed", callId, callStatus, callLive };
  });
}

/** What one call brought, whatever the day. */
export async function findAnswersOfCall(
  tx: Tx,
  callId: string,
  subjects: readonly string[],
): Promise<StoredAnswer[]> {
  const { rows } = await tx.execute<Row>(sql`
    SELECT ${COLUMNS} FROM snapshots s
    WHERE s.call_id = ${callId} AND s.status <> 'claimed' AND s.subject = ANY(${sql.param(subjects)}::text[])`);
  return rows.map(answerOf);
}

/**
 * Marks subjects as being asked about by this call, in sorted order, so that two transactions cannot wait for each
 * other. Returns how many were free.
 */
export async function claimSubjects(tx: Tx, callId: string, which: SubjectsOfDay): Promise<number> {
  const { rowCount } = await tx.execute(sql`
    INSERT INTO snapshots (workspace_id, call_id, provider, subject, as_of)
    SELECT ${which.workspaceId}, ${callId}, ${which.provider}, subject, ${which.asOf}::date
    FROM unnest(${sql.param(which.subjects.toSorted())}::text[]) WITH ORDINALITY AS wanted (subject, place) ORDER BY place
    ON CONFLICT (workspace_id, provider, subject, as_of) DO NOTHING`);
  return rowCount ?? 0;
}

export interface AnswerToStore {
  subject: string;
  /** JSON, or null for "not found". */
  body: string | null;
}

/** Turns claims of the call into answers and returns them as stored. */
export async function storeAnswers(
  tx: Tx,
  callId: string,
  answers: readonly AnswerToStore[],
): Promise<StoredAnswer[]> {
  const subjects = answers.map((answer) => answer.subject);
  const bodies = answers.map((answer) => answer.body);
  const { rows } = await tx.execute<Row>(sql`
    UPDATE snapshots s SET status = CASE WHEN a.body IS NULL THEN 'not_found' ELSE 'found' END,
      body = a.body::jsonb, settled_at = now()
    FROM unnest(${sql.param(subjects)}::text[], ${sql.param(bodies)}::text[]) AS a (subject, body)
    WHERE s.call_id = ${callId} AND s.subject = a.subject AND s.status = 'claimed'
    RETURNING ${COLUMNS}`);
  return rows.map(answerOf);
}

/** Gives back what the call has claimed and got no answer about: anybody may ask again. */
export async function releaseClaims(tx: Tx, callId: string): Promise<void> {
  await tx.execute(sql`DELETE FROM snapshots WHERE call_id = ${callId} AND status = 'claimed'`);
}

function answerOf(row: Row): StoredAnswer {
  const stored = { subject: row.subject, snapshotId: row.id, observedAt: new Date(row.settledAt) };
  return row.status === "found"
    ? { ...stored, status: "found", body: row.body }
    : { ...stored, status: "not_found" };
}
