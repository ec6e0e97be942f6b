import type { WebhookSource, WebhookSources } from "#src/platform/webhooks-in/source.ts";
import { instantlyWebhook } from "./instantly/webhook.ts";
import { resendWebhook } from "./resend/webhook.ts";
import { timelinesaiWebhook } from "./timelinesai/webhook.ts";

const all: readonly WebhookSource[] = [resendWebhook, instantlyWebhook, timelinesaiWebhook];

/** Every provider whose webhooks this release takes in, one line each. */
export const webhookSources: WebhookSources = new Map(all.map((source) => [source.slug, source]));
