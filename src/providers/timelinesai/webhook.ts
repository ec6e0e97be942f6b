/**
 * TimelinesAI's webhooks: WhatsApp (timelines.ai/docs, API 1.3.0, read 2026-11-22). Not signed, and no header of one's
 * own: the secret stands in the address. A message is told by up to three subscriptions (`message:new` beside
 * `message:received:new`): its id tells that it is one. What we send by the API comes back as `message:sent:new`. There is
 * no event for "delivered" or "read".
 */
import { z } from "zod";
import { inboundEvent } from "#src/domain/inbound/inbound-event.ts";
import { secretInAddress } from "#src/platform/webhooks-in/schemes.ts";
import { defineWebhookSource } from "#src/platform/webhooks-in/source.ts";
import { instant, phoneOf, ref, written } from "../webhook-values.ts";

const MESSAGES = new Set(["message:new", "message:received:new", "message:sent:new"]);

const person = z.looseObject({ phone: z.string().nullish() }).nullish();

const message = z.looseObject({
  chat: z
    .looseObject({ chat_id: ref, is_group: z.boolean().nullish(), phone: z.string().nullish() })
    .nullish(),
  whatsapp_account: person,
  message: z.looseObject({
    message_uid: z.string().min(1),
    direction: z.enum(["sent", "received"]),
    timestamp: instant,
    text: written,
    origin: z.string().nullish(),
    sender: person,
    recipient: person,
    reply_to_uid: ref,
    attachments: z.array(z.unknown()).nullish(),
  }),
});

const payload = z.looseObject({ event_type: z.string().min(1), data: z.unknown().optional() });

export const timelinesaiWebhook = defineWebhookSource({
  slug: "timelinesai",
  scheme: secretInAddress,
  schema: payload,
  read(told) {
    const eventType = told.event_type;
    if (!MESSAGES.has(eventType)) return { eventType, events: [] };
    // The reference has all at the top level; a guide of theirs has it in `data`.
    const { chat, whatsapp_account: account, message: one } = message.parse(told.data ?? told);
    const received = one.direction === "received";
    const inGroup = chat?.is_group === true;
    const other = received ? one.sender?.phone : one.recipient?.phone;
    return {
      eventType,
      events: [
        inboundEvent({
          kind: received ? "message_received" : "message_sent",
          channel: "whatsapp",
          occurredAt: one.timestamp,
          eventKey: `message:${one.message_uid}`,
          messageRef: one.message_uid,
          conversationRef: chat?.chat_id ?? null,
          contact: phoneOf(other ?? (inGroup ? null : chat?.phone)),
          account: phoneOf(account?.phone),
          bodyText: one.text,
          details: {
            attachments: one.attachments?.length ?? 0,
            ...(inGroup ? { inGroup } : {}),
            ...(one.origin ? { origin: one.origin } : {}),
            ...(one.reply_to_uid ? { replyTo: one.reply_to_uid } : {}),
          },
        }),
      ],
    };
  },
});
