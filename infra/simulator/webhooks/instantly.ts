import { pick } from "../chance.ts";
import type { WebhookSender } from "./sender.ts";

const TYPES = [
  "email_sent",
  "email_opened",
  "link_clicked",
  "reply_received",
  "lead_unsubscribed",
  "Very hot lead",
];

/** Instantly: no signature and no event id; the lead's own columns stand beside Instantly's. */
export const instantlySender: WebhookSender = {
  slug: "instantly",
  secret: null,
  webhook({ url, headers }, { n, messageId, at }) {
    const eventType = pick(n, "instantly webhook", TYPES);
    const body = JSON.stringify({
      timestamp: at.toISOString(),
      event_type: eventType,
      workspace: "01900000-0000-7000-8000-0000000000ff",
      campaign_id: "01900000-0000-7000-8000-0000000000aa",
      campaign_name: "Cereale Călărași Q1",
      lead_email: `Contact-${n}@ferma-exemplu.test`,
      email_account: "vanzari@send.example.test",
      unibox_url: "https://app.instantly.ai/app/unibox?x=1",
      step: 1,
      variant: 1,
      is_first: true,
      email_id: messageId,
      ...(eventType === "reply_received"
        ? {
            reply_subject: "Re: Ofertă",
            reply_text_snippet: "Da, trimiteți detalii",
            reply_text: "Da, trimiteți detalii.\n\nIon",
            reply_html: "<p>Da, trimiteți detalii.</p>",
          }
        : {}),
      Județ: "Călărași",
      hectare: 120,
    });
    return { url, headers: { "content-type": "application/json", ...headers }, body };
  },
};
