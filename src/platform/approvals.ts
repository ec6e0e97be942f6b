/** Decisions on values in review: a person's, or the declared default when the time is up. No run waits for them. */
import { inSystem, inWorkspace, type Tx } from "#db/client.ts";
import { applyDecision, type Decision, decideApproval, expiredApprovals } from "#db/queries/approvals.ts";
import { ConflictError, NotFoundError } from "#src/domain/errors.ts";
import { approvalDecided } from "#src/events/enrichment.ts";
import { recordAudit } from "./audit.ts";
import type { ChunkWorkDeps, RunnablePlan } from "./chunk-work.ts";
import { requestEnrichment } from "./enrich-jobs.ts";
import { addToOutbox } from "./outbox.ts";
import { announce } from "./webhooks-out/announce.ts";

/** How long a value waits for a person. */
export const REVIEW_MS = 48 * 3_600_000;

/** What a person has confirmed is as good as a register's word. */
const APPROVED_PCT = 95;

/**
 * Decides on a value, once; what follows is done by the run that its event starts.
 * @throws NotFoundError; ConflictError when it was decided otherwise before
 */
export async function decide(
  tx: Tx,
  workspaceId: string,
  id: string,
  decision: Decision,
  note: string | null,
): Promise<void> {
  const outcome = await decideApproval(tx, id, decision, note);
  if (!outcome) throw new NotFoundError("approval_not_found", "There is no such approval.");
  if (outcome.decided) {
    await tellDecision(tx, workspaceId, id, decision);
  } else if (outcome.status !== (decision === "approve" ? "approved" : "rejected")) {
    throw new ConflictError("already_decided", `It was ${outcome.status} before.`);
  }
}

async function tellDecision(tx: Tx, workspaceId: string, approvalId: string, decision: Decision) {
  await addToOutbox(tx, [approvalDecided.create({ workspaceId, approvalId })]);
  await announce(tx, workspaceId, "approval.decided", { approvalId, decision });
}

/** Decides by default on what nobody decided on in time. Returns how many there were. Call it every few seconds. */
export async function sweepExpiredApprovals(deps: Pick<ChunkWorkDeps, "db">): Promise<number> {
  const expired = await inSystem(deps.db, (tx) => expiredApprovals(tx, 100));
  for (const { workspaceId, id, defaultDecision } of expired) {
    await inWorkspace(deps.db, workspaceId, async (tx) => {
      const outcome = await decideApproval(tx, id, defaultDecision, "Nobody decided in time.");
      if (!outcome?.decided) return;
      await tellDecision(tx, workspaceId, id, defaultDecision);
      await recordAudit(tx, {
        actor: { kind: "system", id: "approvals" },
        action: defaultDecision === "approve" ? "approval.approved" : "approval.rejected",
        subject: { kind: "approval", id },
      });
    });
  }
  return expired.length;
}

/** Applies a decision to the prospect: its value becomes found or not found, and it is merged and scored again. */
export async function applyApproval(
  tx: Tx,
  deps: ChunkWorkDeps,
  plan: RunnablePlan,
  { workspaceId, approvalId }: { workspaceId: string; approvalId: string },
): Promise<{ jobId: string | null }> {
  const applied = await applyDecision(tx, approvalId, APPROVED_PCT);
  if (!applied || !plan.fields.some(({ id }) => id === applied.field)) return { jobId: null };
  const jobId = await requestEnrichment(tx, deps, plan, {
    workspaceId,
    selection: { ids: [applied.prospectId] },
    fields: [applied.field],
    priority: 0,
    // Whatever is still fresh is not asked for, and nothing may be paid for a decision.
    maxCostMicros: 0,
    maxCostMicrosPerProspect: 0,
  });
  return { jobId };
}
