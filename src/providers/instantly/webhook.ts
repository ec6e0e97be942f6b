/**
 * Instantly's webhooks, API v2 (developer.instantly.ai, read 2026-11-22). Not signed: the only proof is a header that one
 * has it send. No event id either: the same type, lead, campaign, step, message and time are the same event. A lead's own
 * columns stand at the top level, beside Instantly's; custom labels come as an `event_type` of their own.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { type InboundKind, inboundEvent } from "#src/domain/inbound/inbound-event.ts";
import { secretInHeader } from "#src/platform/webhooks-in/schemes.ts";
import { defineWebhookSource } from "#src/platform/webhooks-in/source.ts";
import { emailOf, instant, ref, written } from "../webhook-values.ts";

const KINDS: Record<string, InboundKind> = {
  email_sent: "message_sent",
  email_opened: "opened",
  // The documentation has one name for subscribing, the other for what is sent.
  email_link_clicked: "clicked",
  link_clicked: "clicked",
  reply_received: "message_received",
  auto_reply_received: "auto_reply_received",
  email_bounced: "bounced",
  lead_unsubscribed: "unsubscribed",
  campaign_completed: "campaign_completed",
  account_error: "account_failed",
};

/** Genuine, and about nothing that was said between us and a contact. */
const IGNORED = new Set(["supersearch_enrichment_completed"]);

const payload = z.looseObject({
  event_type: z.string().min(1),
  timestamp: instant,
  campaign_id: ref,
  lead_email: z.string().nullish(),
  email_account: z.string().nullish(),
  email_id: ref,
  step: ref,
  email_subject: written,
  email_text: written,
  reply_subject: written,
  reply_text: written,
  reply_text_snippet: written,
});

export const instantlyWebhook = defineWebhookSource({
  slug: "instantly",
  scheme: secretInHeader,
  schema: payload,
  read(told) {
    const eventType = told.event_type;
    if (IGNORED.has(eventType)) return { eventType, events: [] };
    const kind = KINDS[eventType] ?? "labelled";
    const isReply = kind === "message_received" || kind === "auto_reply_received";
    return {
      eventType,
      events: [
        inboundEvent({
          kind,
          channel: "email",
          occurredAt: told.timestamp,
          eventKey: keyOf(told),
          messageRef: told.email_id,
          campaignRef: told.campaign_id,
          contact: emailOf(told.lead_email),
          account: emailOf(told.email_account),
          subject: isReply ? told.reply_subject : told.email_subject,
          bodyText: isReply ? (told.reply_text ?? told.reply_text_snippet) : told.email_text,
          details: {
            ...(told.step === null ? {} : { step: told.step }),
            ...(kind === "labelled" ? { label: eventType } : {}),
          },
        }),
      ],
    };
  },
});

function keyOf({
  event_type,
  lead_email,
  campaign_id,
  step,
  email_id,
  timestamp,
}: z.output<typeof payload>): string {
  const same = [event_type, lead_email?.toLowerCase(), campaign_id, step, email_id, timestamp.toISOString()];
  return createHash("sha256").update(JSON.stringify(same)).digest("hex");
}
