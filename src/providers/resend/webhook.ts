/**
 * Resend's webhooks (resend.com/docs/dashboard/webhooks and the typings of its SDK 6.38.0, read 2026-11-22): signed by
 * Svix, in no certain order, the same `svix-id` when sent again. One message may have several recipients: each is an
 * event. Whoever clicked or opened is told with address and browser of theirs; neither is taken over.
 */
import { z } from "zod";
import { type InboundEvent, type InboundKind, inboundEvent } from "#src/domain/inbound/inbound-event.ts";
import { standardWebhooks } from "#src/platform/webhooks-in/schemes.ts";
import { defineWebhookSource } from "#src/platform/webhooks-in/source.ts";
import { emailOf, instant, ref, written } from "../webhook-values.ts";

const KINDS: Record<string, InboundKind> = {
  "email.sent": "message_sent",
  "email.delivered": "delivered",
  "email.delivery_delayed": "delayed",
  "email.bounced": "bounced",
  "email.failed": "failed",
  "email.suppressed": "suppressed",
  "email.complained": "complained",
  "email.opened": "opened",
  "email.clicked": "clicked",
  "email.received": "message_received",
};

const payload = z.looseObject({ type: z.string().min(1), created_at: instant, data: z.unknown().optional() });

const email = z.looseObject({
  email_id: z.string().min(1),
  from: z.string().nullish(),
  to: z.union([z.string(), z.array(z.string())]).transform((to) => [to].flat()),
  subject: written,
  broadcast_id: ref,
  bounce: z
    .looseObject({ type: z.string().nullish(), subType: z.string().nullish(), message: z.string().nullish() })
    .nullish(),
  click: z.looseObject({ link: z.string().nullish() }).nullish(),
  failed: z.looseObject({ reason: z.string().nullish() }).nullish(),
  suppressed: z.looseObject({ type: z.string().nullish() }).nullish(),
});

export const resendWebhook = defineWebhookSource({
  slug: "resend",
  scheme: standardWebhooks,
  schema: payload,
  read({ type, created_at: occurredAt, data }, headers) {
    const kind = KINDS[type];
    return { eventType: type, events: kind ? eventsOf(kind, occurredAt, email.parse(data), headers) : [] };
  },
});

function eventsOf(
  kind: InboundKind,
  occurredAt: Date,
  sent: z.output<typeof email>,
  headers: Readonly<Record<string, string>>,
): InboundEvent[] {
  // Of what we have sent, the contacts are the recipients; of what we have received, the sender.
  const received = kind === "message_received";
  const contacts = received ? [sent.from] : sent.to;
  const account = emailOf(received ? sent.to[0] : sent.from);
  const deliveryKey = headers["svix-id"] ?? headers["webhook-id"] ?? `${kind}:${sent.email_id}`;
  const details = detailsOf(sent);
  return contacts.map((contact, index) =>
    inboundEvent({
      kind,
      channel: "email",
      occurredAt,
      eventKey: `${deliveryKey}:${index}`,
      messageRef: sent.email_id,
      campaignRef: sent.broadcast_id,
      contact: emailOf(contact),
      account,
      subject: sent.subject,
      details,
    }),
  );
}

function detailsOf({ bounce, click, failed, suppressed }: z.output<typeof email>): InboundEvent["details"] {
  const given = {
    // Permanent, Transient or Undetermined.
    bounceType: bounce?.type,
    bounceSubType: bounce?.subType,
    reason: bounce?.message ?? failed?.reason ?? suppressed?.type,
    link: click?.link,
  };
  return Object.fromEntries(Object.entries(given).filter((entry): entry is [string, string] => !!entry[1]));
}
