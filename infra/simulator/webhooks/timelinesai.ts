import { pick } from "../chance.ts";
import type { WebhookSender } from "./sender.ts";

/** TimelinesAI: no signature, a time that is not ISO 8601, and the same message by several subscriptions. */
export const timelinesaiSender: WebhookSender = {
  slug: "timelinesai",
  secret: null,
  webhook({ url, headers }, { n, messageId, at }) {
    const direction = pick(n, "timelinesai direction", ["received", "received", "sent"]);
    const phone = `+407${String(n % 100_000_000).padStart(8, "0")}`;
    const contact = { full_name: "Ion Exemplu", phone };
    const ours = { full_name: "Agro Demo", email: "demo@example.test", phone: "+40700000099" };
    const [sender, recipient] = direction === "received" ? [contact, ours] : [ours, contact];
    const body = JSON.stringify({
      event_type: pick(n, "timelinesai webhook", ["message:new", `message:${direction}:new`]),
      chat: {
        ...{
          full_name: "Ion Exemplu",
          chat_url: "https://app.timelines.ai/chat/1000001/",
          chat_id: 1_000_000 + n,
        },
        ...{ is_group: false, phone, responsible_name: "Ana Test", responsible_email: "ana@example.test" },
      },
      whatsapp_account: ours,
      message: {
        ...{
          text: "Da, mă interesează",
          direction,
          origin: direction === "sent" ? "Public API" : "WhatsApp",
        },
        timestamp: `${at.toISOString().slice(0, 19).replace("T", " ")} +0000`,
        message_uid: messageId,
        ...{ sender, recipient, reply_to_uid: null, attachments: [] },
      },
    });
    return { url, headers: { "content-type": "application/json", ...headers }, body };
  },
};
