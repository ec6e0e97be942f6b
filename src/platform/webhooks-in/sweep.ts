/** Webhooks that are stored and were never normalised: asked for again, or read again because somebody says so. */
import { type Db, inSystem, inWorkspace, type Tx } from "#db/client.ts";
import {
  claimOverdue,
  lockDelivery,
  overdueDeliveries,
  reopenDelivery,
} from "#db/queries/webhook-deliveries.ts";
import { ConflictError, NotFoundError } from "#src/domain/errors.ts";
import { MAX_DELIVERIES, webhooksReceived } from "#src/events/webhooks.ts";
import type { Logger } from "../logger.ts";
import { addToOutbox } from "../outbox.ts";

/** Their run has retried for longer than that, and has failed. */
const OVERDUE_MS = 15 * 60_000;

/** Asks again for what was asked for and never done. Returns how many webhooks that were. */
export async function sweepWebhooks({ db, logger }: { db: Db; logger: Logger }): Promise<number> {
  const overdue = await inSystem(db, (tx) =>
    overdueDeliveries(tx, { olderThanMs: OVERDUE_MS, limit: MAX_DELIVERIES }),
  );
  let asked = 0;
  for (const group of Map.groupBy(overdue, (each) => `${each.workspaceId} ${each.provider}`).values()) {
    const { workspaceId, provider } = group[0] as (typeof group)[number];
    const ids = group.map(({ id }) => id);
    asked += await inWorkspace(db, workspaceId, async (tx) => {
      const deliveryIds = await claimOverdue(tx, ids, OVERDUE_MS);
      if (deliveryIds.length > 0) {
        await addToOutbox(tx, [webhooksReceived.create({ workspaceId, provider, deliveryIds })]);
      }
      return deliveryIds.length;
    });
  }
  if (asked > 0) logger.warn({ deliveries: asked }, "webhooks were never normalised, asking again");
  return asked;
}

/**
 * Has a delivery read again, as if it had just come in: by a release that knows its shape.
 * @throws NotFoundError, or ConflictError when its events are written already or its body is gone
 */
export async function replayDelivery(tx: Tx, workspaceId: string, id: string): Promise<void> {
  const delivery = await lockDelivery(tx, workspaceId, id);
  if (!delivery) throw new NotFoundError("webhook_not_found", "There is no such webhook.");
  if (delivery.status === "normalised") {
    throw new ConflictError("webhook_normalised", "What this webhook says is written already.");
  }
  if (!delivery.hasBody) throw new ConflictError("webhook_body_removed", "Its body has been removed.");
  await reopenDelivery(tx, id);
  const { provider } = delivery;
  await addToOutbox(tx, [webhooksReceived.create({ workspaceId, provider, deliveryIds: [id] })]);
}
