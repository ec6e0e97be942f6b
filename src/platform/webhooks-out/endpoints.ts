/** What a workspace says of its endpoints. */
import { v7 as uuidv7 } from "uuid";
import { type Db, inWorkspace, type Tx } from "#db/client.ts";
import {
  type DeliveryWithAttempts,
  findDelivery,
  insertMessage,
  reopenDeliveries,
} from "#db/queries/endpoint-deliveries.ts";
import {
  findEndpoint,
  insertEndpoint,
  replaceEndpointSecret,
  updateEndpoint,
  type WebhookEndpoint,
} from "#db/queries/webhook-endpoints.ts";
import { ConflictError, NotFoundError } from "#src/domain/errors.ts";
import type { Vault } from "../vault.ts";
import { askToSend } from "./announce.ts";
import { deliver, secretContext, type WebhookDeps } from "./deliver.ts";
import { newWebhookSecret } from "./signing.ts";

/** While a receiver learns the new secret, the one before signs, too. */
const OVERLAP_MS = 24 * 3_600_000;
/** A recovery sends ten messages a second, and so many at most: then it is asked for again. */
const RECOVERED_EACH_MS = 100;
const RECOVERED_AT_ONCE = 5_000;

const LAST = 4;

/** The endpoint with its secret, which is shown this once. */
export async function createEndpoint(
  tx: Tx,
  vault: Vault,
  wanted: {
    workspaceId: string;
    url: string;
    description: string;
    eventTypes: readonly string[];
    by: string;
  },
): Promise<WebhookEndpoint & { secret: string }> {
  const id = uuidv7();
  const secret = newWebhookSecret();
  const secretSealed = vault.seal(secretContext(wanted.workspaceId, id), secret);
  const made = await insertEndpoint(tx, { ...wanted, id, secretSealed, secretLast4: secret.slice(-LAST) });
  return { ...made, secret };
}

/** A new secret, shown this once; the one before signs beside it for a day. @throws NotFoundError */
export async function rotateEndpointSecret(
  tx: Tx,
  { vault, now }: Pick<WebhookDeps, "vault" | "now">,
  workspaceId: string,
  id: string,
): Promise<WebhookEndpoint & { secret: string }> {
  const secret = newWebhookSecret();
  const changed = await replaceEndpointSecret(tx, id, {
    sealed: vault.seal(secretContext(workspaceId, id), secret),
    last4: secret.slice(-LAST),
    previousUntil: new Date(now().getTime() + OVERLAP_MS),
  });
  return { ...found(changed), secret };
}

/**
 * Switches the endpoint on, and sends what it has missed and what failed since then, in order and not all at once.
 * Returns how many messages that are; as many as `limit`: there may be more. @throws NotFoundError
 */
export async function recoverEndpoint(
  tx: Tx,
  workspaceId: string,
  { id, since }: { id: string; since: Date },
): Promise<{ messages: number; limit: number }> {
  found(await updateEndpoint(tx, id, { enabled: true }));
  const which = { endpointId: id, since, limit: RECOVERED_AT_ONCE };
  const reopened = await reopenDeliveries(tx, which, RECOVERED_EACH_MS);
  await askToSend(tx, workspaceId, reopened, RECOVERED_EACH_MS);
  return { messages: reopened.length, limit: RECOVERED_AT_ONCE };
}

/** Sends a delivery again that is over. @throws NotFoundError, ConflictError */
export async function retryDelivery(tx: Tx, workspaceId: string, id: string): Promise<void> {
  const delivery = await findDelivery(tx, id);
  if (!delivery) throw new NotFoundError("delivery_not_found", "There is no such delivery.");
  if (delivery.status === "pending") throw new ConflictError("delivery_pending", "It is under way.");
  const endpoint = found(await findEndpoint(tx, delivery.endpointId));
  if (endpoint.disabledReason)
    throw new ConflictError("endpoint_disabled", "Its endpoint is sent nothing: switch it on first.");
  await askToSend(tx, workspaceId, await reopenDeliveries(tx, { id }, 0));
}

/** Sends a ping now, once, and answers what came of it. @throws NotFoundError, ConflictError when it is disabled */
export async function testEndpoint(
  deps: WebhookDeps & { db: Db },
  workspaceId: string,
  id: string,
): Promise<DeliveryWithAttempts> {
  const [ping] = await inWorkspace(deps.db, workspaceId, async (tx) => {
    if (found(await findEndpoint(tx, id)).disabledReason)
      throw new ConflictError("endpoint_disabled", "This endpoint is sent nothing: switch it on first.");
    return insertMessage(tx, { workspaceId, type: "ping", data: {}, onlyTo: id });
  });
  if (!ping)
    throw new ConflictError("endpoint_disabled", "This endpoint is sent nothing: switch it on first.");
  await deliver(deps, { workspaceId, endpointId: id, deliveryId: ping.id, attempts: 0 });
  const delivery = await inWorkspace(deps.db, workspaceId, (tx) => findDelivery(tx, ping.id));
  return delivery as DeliveryWithAttempts;
}

export function found(endpoint: WebhookEndpoint | null): WebhookEndpoint {
  if (endpoint) return endpoint;
  throw new NotFoundError("endpoint_not_found", "There is no such endpoint.");
}
