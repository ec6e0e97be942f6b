/** Values that wait for a person, and what became of them. */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { approvalStatuses } from "#db/schema/approvals.ts";

export type Decision = "approve" | "reject";

export interface NewApproval {
  prospectId: string;
  source: string;
  value: Record<string, unknown>;
  confidencePct: number;
  reasons: readonly { part: string; points: number }[];
  freshForMs: number;
  defaultDecision: Decision;
  expiresAt: Date;
}

/**
 * Puts values up for a decision. One that waits already for the same prospect and field is replaced. Returns the ids of
 * all of them.
 */
export async function requestApprovals(
  tx: Tx,
  { workspaceId, jobId, field }: { workspaceId: string; jobId: string; field: string },
  approvals: readonly NewApproval[],
): Promise<string[]> {
  if (approvals.length === 0) return [];
  const { rows } = await tx.execute<{ id: string }>(sql`
    INSERT INTO approvals (workspace_id, prospect_id, job_id, field, source, value, confidence_pct, reasons,
                           fresh_for_ms, default_decision, expires_at)
    SELECT ${workspaceId}::uuid, "prospectId", ${jobId}::uuid, ${field}, source, value, "confidencePct", reasons,
           "freshForMs", "defaultDecision", "expiresAt"
    FROM jsonb_to_recordset(${JSON.stringify(approvals)}::jsonb) AS a ("prospectId" uuid, source text, value jsonb,
      "confidencePct" smallint, reasons jsonb, "freshForMs" bigint, "defaultDecision" text, "expiresAt" timestamptz)
    ON CONFLICT (prospect_id, field) WHERE status = 'pending' DO UPDATE SET
      job_id = excluded.job_id, source = excluded.source, value = excluded.value,
      confidence_pct = excluded.confidence_pct, reasons = excluded.reasons, fresh_for_ms = excluded.fresh_for_ms,
      default_decision = excluded.default_decision, expires_at = excluded.expires_at
    RETURNING id`);
  return rows.map(({ id }) => id);
}

export interface Approval {
  id: string;
  prospectId: string;
  cui: number;
  name: string;
  field: string;
  source: string;
  value: Record<string, unknown>;
  confidencePct: number;
  reasons: { part: string; points: number }[];
  status: (typeof approvalStatuses)[number];
  defaultDecision: Decision;
  /** ISO 8601. */
  expiresAt: string;
  decidedAt: string | null;
  note: string | null;
}

/** One page in the order of their ids. */
export async function listApprovals(
  tx: Tx,
  page: {
    filter: { status?: string | undefined; field?: string | undefined };
    afterId: string | null;
    limit: number;
  },
): Promise<Approval[]> {
  const { status = null, field = null } = page.filter;
  const { rows } = await tx.execute<Approval & Record<string, unknown>>(sql`
    SELECT a.id, a.prospect_id AS "prospectId", p.cui, p.name, a.field, a.source, a.value,
           a.confidence_pct AS "confidencePct", a.reasons, a.status, a.default_decision AS "defaultDecision",
           a.expires_at AS "expiresAt", a.decided_at AS "decidedAt", a.note
    FROM approvals a JOIN prospects p ON p.id = a.prospect_id
    WHERE (${status}::text IS NULL OR a.status = ${status}) AND (${field}::text IS NULL OR a.field = ${field})
      AND (${page.afterId}::uuid IS NULL OR a.id > ${page.afterId}::uuid)
    ORDER BY a.id LIMIT ${page.limit}`);
  const iso = (instant: string) => new Date(instant).toISOString();
  return rows.map((row) => ({
    ...row,
    cui: Number(row.cui),
    expiresAt: iso(row.expiresAt),
    decidedAt: row.decidedAt && iso(row.decidedAt),
  }));
}

/** Decides, once. Answers what became of it, and whether it was this call that did it; null: there is none. */
export async function decideApproval(
  tx: Tx,
  id: string,
  decision: Decision,
  note: string | null,
): Promise<{ status: (typeof approvalStatuses)[number]; decided: boolean } | null> {
  const { rowCount } = await tx.execute(sql`
    UPDATE approvals SET status = ${decision === "approve" ? "approved" : "rejected"}, decided_at = now(), note = ${note}
    WHERE id = ${id} AND status = 'pending'`);
  const { rows } = await tx.execute<{ status: (typeof approvalStatuses)[number] }>(
    sql`SELECT status FROM approvals WHERE id = ${id}`,
  );
  return rows[0] ? { status: rows[0].status, decided: rowCount === 1 } : null;
}

/** Pending ones past their time, across workspaces (call it in {@link inSystem}). */
export async function expiredApprovals(
  tx: Tx,
  limit: number,
): Promise<{ workspaceId: string; id: string; defaultDecision: Decision }[]> {
  const { rows } = await tx.execute<{ workspaceId: string; id: string; defaultDecision: Decision }>(sql`
    SELECT workspace_id AS "workspaceId", id, default_decision AS "defaultDecision" FROM approvals
    WHERE status = 'pending' AND expires_at <= now() ORDER BY expires_at LIMIT ${limit}`);
  return rows;
}

/**
 * Turns the value in review into what was decided: found, with the confidence that a person's word gives it, or not
 * found. Answers the prospect (the one that stands for it, if it was merged away) and field, or null when that was done
 * before.
 */
export async function applyDecision(
  tx: Tx,
  id: string,
  approvedConfidencePct: number,
): Promise<{ prospectId: string; field: string } | null> {
  const { rows } = await tx.execute<{ prospectId: string; field: string }>(sql`
    UPDATE field_values v SET
      status = CASE a.status WHEN 'approved' THEN 'found' ELSE 'not_found' END,
      value = CASE a.status WHEN 'approved' THEN a.value END,
      confidence_pct = CASE a.status WHEN 'approved' THEN greatest(a.confidence_pct, ${approvedConfidencePct}) END,
      fresh_until = now() + a.fresh_for_ms * interval '1 millisecond'
    FROM approvals a
    WHERE a.id = ${id} AND a.status <> 'pending' AND v.job_id = a.job_id AND v.prospect_id = a.prospect_id
      AND v.field = a.field AND v.status = 'in_review'
    RETURNING (SELECT coalesce(p.merged_into, p.id) FROM prospects p WHERE p.id = v.prospect_id) AS "prospectId", v.field`);
  return rows[0] ?? null;
}
