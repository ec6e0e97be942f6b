/** Tells a workspace's own systems what has happened: written with the change itself, sent by runs of its own. */
import type { Tx } from "#db/client.ts";
import { insertMessage, type PendingDelivery } from "#db/queries/endpoint-deliveries.ts";
import type { WebhookType } from "#src/domain/webhooks-out.ts";
import { webhookDue } from "#src/events/webhooks-out.ts";
import { addToOutbox } from "../outbox.ts";

/** Call it in the transaction of the change. Where no endpoint wants to know, nothing is written. */
export async function announce(
  tx: Tx,
  workspaceId: string,
  type: WebhookType,
  data: Record<string, unknown>,
): Promise<void> {
  await askToSend(tx, workspaceId, await insertMessage(tx, { workspaceId, type, data }));
}

/** Has deliveries sent that nobody has tried yet, `eachMs` apart. */
export async function askToSend(
  tx: Tx,
  workspaceId: string,
  deliveries: readonly PendingDelivery[],
  eachMs = 0,
): Promise<void> {
  const due = ({ id, endpointId }: PendingDelivery) =>
    webhookDue.create({ workspaceId, endpointId, deliveryId: id, attempts: 0 });
  await addToOutbox(tx, deliveries.map(due), { eachMs });
}
