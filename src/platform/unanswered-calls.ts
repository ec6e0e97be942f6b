/** Calls that nobody will hear the answer of: their asker has died, or the outcome was never known. */
import { type Db, inSystem, inWorkspace, type Tx } from "#db/client.ts";
import { moveAccounts } from "#db/queries/budgets.ts";
import { endCalls } from "#db/queries/provider-calls.ts";
import { endDeadCalls, findDeadCalls, lockUnknownCall, type OpenCall } from "#db/queries/unanswered-calls.ts";
import { InvalidInputError, NotFoundError } from "#src/domain/errors.ts";
import { type Change, movementsOf } from "./budget.ts";
import { creditKeyOf, endReservations } from "./credits.ts";
import type { Logger } from "./logger.ts";

/**
 * Ends calls whose asker is taken for dead. What was never sent, or can be repeated, is free again with all that it
 * held; the rest is `unknown`, and keeps both its subjects and what it holds.
 */
export async function endCallsOfTheDead(
  tx: Tx,
  workspaceId: string,
  ids: readonly string[],
): Promise<{ released: number; unknown: number }> {
  const { released, unknown } = await endDeadCalls(tx, ids);
  await moveAccounts(tx, workspaceId, movementsOf(released.flatMap((call) => spend(call, 0))));
  const refunds = released.map((call) => ({ key: creditKeyOf(call), costMicros: 0 }));
  await endReservations(tx, workspaceId, refunds);
  return { released: released.length, unknown: unknown.length };
}

/** Does so over all workspaces. Call it every few seconds. */
export async function sweepDeadCalls({ db, logger }: { db: Db; logger: Logger }): Promise<void> {
  const dead = await inSystem(db, (tx) => findDeadCalls(tx, 500));
  const byWorkspace = Map.groupBy(dead, ({ workspaceId }) => workspaceId);
  for (const [workspaceId, calls] of byWorkspace) {
    const ids = calls.map(({ id }) => id);
    const ended = await inWorkspace(db, workspaceId, (tx) => endCallsOfTheDead(tx, workspaceId, ids));
    if (ended.released + ended.unknown > 0) {
      logger.warn({ workspaceId, ...ended }, "calls to providers were left by a process that died");
    }
  }
}

/** What a person has found out about an unknown call, from the provider's own books. */
export interface Resolution {
  charged: boolean;
  /** If it was charged: how much of what is held. Default: all. */
  costMicros?: number | undefined;
}

/**
 * Settles a call whose outcome was unknown. Charged: the money is spent, and its answer counts as lost, so that nobody
 * pays for it again on that day or in that job. Not charged: the money is free, and so are its subjects.
 * @throws NotFoundError when there is no such unknown call, InvalidInputError for a cost beyond what it holds
 */
export async function resolveUnknownCall(
  tx: Tx,
  id: string,
  { charged, costMicros }: Resolution,
): Promise<void> {
  const call = await lockUnknownCall(tx, id);
  if (!call)
    throw new NotFoundError("provider_call_not_found", "There is no such call with an unknown outcome.");
  const cost = charged ? (costMicros ?? call.heldMicros) : 0;
  if (cost > call.heldMicros) {
    const message = `The call holds ${call.heldMicros} micro-euros: it cannot have cost ${cost}.`;
    throw new InvalidInputError("cost_beyond_hold", message, { field: "costMicros" });
  }
  await endCalls(tx, [
    {
      id: call.id,
      attempt: call.attempt,
      status: charged ? "settled" : "failed",
      requested: false,
      costMicros: cost,
      overchargedMicros: 0,
      found: 0,
      errorKind: charged ? "answer_lost" : "not_charged",
      httpStatus: null,
      durationMs: null,
      rateLimited: false,
      answers: [],
      lost: charged,
    },
  ]);
  await moveAccounts(tx, call.workspaceId, movementsOf(spend(call, cost)));
  await endReservations(tx, call.workspaceId, [{ key: creditKeyOf(call), costMicros: cost }]);
}

/** Frees what a call holds, and spends part of it: as evenly over its prospects as whole micro-euros allow. */
function spend(call: OpenCall, costMicros: number): Change[] {
  const { provider, jobId, day, heldMicros, prospectIds } = call;
  const share = (total: number, index: number) =>
    Math.floor((total * (index + 1)) / prospectIds.length) - Math.floor((total * index) / prospectIds.length);
  return prospectIds.map((prospectId, index) => ({
    payer: { provider, jobId, day },
    prospectId,
    heldMicros: -share(heldMicros, index),
    spentMicros: share(costMicros, index),
  }));
}
