/** What providers said, by subject and day, and who is asking right now. */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import { executePrepared } from "./prepared.ts";
import type { CallOrigin } from "./provider-calls.ts";

export type StoredAnswer = {
  subject: string;
  snapshotId: string;
  observedAt: Date;
  callId: string;
  /** For whom it was asked. */
  prospectId: string | null;
  costMicros: number;
} & ({ status: "found"; body: unknown } | { status: "not_found" });

/** An answer; or a claim, or a lost answer, with the state of the call that it belongs to. */
export type SnapshotState =
  | { subject: string; status: "claimed" | "lost"; callId: string; callStatus: string; callLive: boolean }
  /** `own`: asked by this very job and field, so that its cost is theirs. */
  | (StoredAnswer & { own: boolean });

export interface SnapshotRow extends Record<string, unknown> {
  subject: string;
  status: "claimed" | "found" | "not_found" | "lost";
  id: string;
  body: unknown;
  settledAt: string;
  callId: string;
  prospectId: string | null;
  costMicros: number;
}

export const SNAPSHOT_COLUMNS = sql`s.subject, s.status, s.id, s.body, s.settled_at AS "settledAt",
  s.call_id AS "callId", s.prospect_id AS "prospectId", s.cost_micros AS "costMicros"`;

/**
 * How subjects stand: answered or being asked about, on that day by anybody, or by this job on another day (which is
 * not asked, and does not pay, again because midnight has passed). One row each; answers come before claims.
 */
export async function findSnapshots(
  tx: Tx,
  origin: CallOrigin,
  subjects: readonly string[],
): Promise<SnapshotState[]> {
  const { workspaceId, jobId, field, provider, operation, day } = origin;
  const { rows } = await executePrepared<
    SnapshotRow & { callStatus: string; callLive: boolean; own: boolean }
  >(
    tx,
    sql`
    SELECT DISTINCT ON (s.subject) ${SNAPSHOT_COLUMNS}, c.status AS "callStatus",
      c.status IN ('reserved', 'sending') AND c.lease_until > now() AS "callLive",
      c.job_id = ${jobId} AND c.field = ${field} AS own
    FROM snapshots s JOIN provider_calls c ON c.id = s.call_id
    WHERE s.workspace_id = ${workspaceId} AND s.provider = ${provider} AND s.operation = ${operation}
      AND s.subject = ANY(${sql.param(subjects)}::text[]) AND (s.as_of = ${day} OR c.job_id = ${jobId})
    ORDER BY s.subject, s.status IN ('claimed', 'lost'), s.as_of DESC`,
  );
  return rows.map((row) => {
    const { subject, status, callId, callStatus, callLive } = row;
    if (status === "claimed" || status === "lost") return { subject, status, callId, callStatus, callLive };
    return { ...toStoredAnswer(row), own: row.own };
  });
}

export function toStoredAnswer(row: SnapshotRow): StoredAnswer {
  const { subject, id, settledAt, callId, prospectId, costMicros } = row;
  const stored = { subject, snapshotId: id, observedAt: new Date(settledAt), callId, prospectId, costMicros };
  return row.status === "found"
    ? { ...stored, status: "found", body: row.body }
    : { ...stored, status: "not_found" };
}
