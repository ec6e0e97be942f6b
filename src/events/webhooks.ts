import { eventType } from "inngest";
import { z } from "zod";

/** Webhooks that one event names, at most. */
export const MAX_DELIVERIES = 100;

const WebhooksReceived = z.object({
  workspaceId: z.uuid(),
  provider: z.string().min(1),
  deliveryIds: z.array(z.uuid()).min(1).max(MAX_DELIVERIES),
});
export type WebhooksReceived = z.infer<typeof WebhooksReceived>;

/** Command. Webhooks of one provider are stored, and wait to be normalised. */
export const webhooksReceived = eventType("webhook/deliveries.received", {
  schema: WebhooksReceived,
  version: "1",
});
