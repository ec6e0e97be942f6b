/**
 * `webhook/delivery.due` in -> one message is sent to one endpoint, once; the next attempt, if one is needed, is an event
 * that waits in the outbox. No run waits for hours.
 */
import type { InngestFunction } from "inngest";
import type { Deps } from "#src/deps.ts";
import { webhookDue } from "#src/events/webhooks-out.ts";
import { beginUnlessPaused } from "#src/platform/operations/pauses.ts";
import { deliver } from "#src/platform/webhooks-out/deliver.ts";

const ID = "deliver-webhook";

export const deliverWebhook = (deps: Deps): InngestFunction.Any =>
  deps.inngest.createFunction(
    {
      id: ID,
      triggers: [webhookDue],
      // One that hangs takes five places of a hundred.
      concurrency: [{ limit: 100 }, { limit: 5, key: "event.data.endpointId" }],
      retries: 4,
    },
    async ({ event, step }) => ({
      status: await step.run("deliver", () =>
        deliver(deps, event.data, (tx) => beginUnlessPaused(tx, ID, event.id)),
      ),
    }),
  );
