/**
 * `webhook/deliveries.received` in -> the stored bodies are read, and what they say is written as inbound events. One
 * function for each provider, so that each can be watched and paused by itself. A repeat is harmless: a delivery is read
 * once, in the transaction that marks its event consumed, and an event that is known already is not written again.
 */
import type { InngestFunction } from "inngest";
import type { Deps } from "#src/deps.ts";
import { webhooksReceived } from "#src/events/webhooks.ts";
import { normaliseDeliveries } from "#src/platform/webhooks-in/normalise.ts";
import type { WebhookSource } from "#src/platform/webhooks-in/source.ts";

export function normaliseWebhooks(deps: Deps, source: WebhookSource): InngestFunction.Any {
  const id = `webhook-${source.slug}`;
  return deps.inngest.createFunction(
    {
      id,
      triggers: [{ event: webhooksReceived, if: `event.data.provider == '${source.slug}'` }],
      // Hundreds of webhooks a second are a run or two, a second later.
      batchEvents: { maxSize: 100, timeout: "1s", key: "event.data.workspaceId" },
      // The door and the other functions need connections, too.
      concurrency: 5,
      retries: 8,
    },
    ({ events, step }) => step.run("normalise", () => normaliseDeliveries(deps.db, source, id, events)),
  );
}
