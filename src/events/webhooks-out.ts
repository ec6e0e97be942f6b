import { eventType } from "inngest";
import { z } from "zod";

const WebhookDue = z.object({
  workspaceId: z.uuid(),
  endpointId: z.uuid(),
  deliveryId: z.uuid(),
  /** How many attempts were made before: the fence, so that one that is sent again does nothing. */
  attempts: z.int().min(0),
});
export type WebhookDue = z.infer<typeof WebhookDue>;

/** Command. A message has to be sent to an endpoint now. */
export const webhookDue = eventType("webhook/delivery.due", { schema: WebhookDue, version: "1" });
