import { createHmac } from "node:crypto";
import { pick } from "../chance.ts";
import type { WebhookSender } from "./sender.ts";

const TYPES = [
  "email.sent",
  "email.delivered",
  "email.delivered",
  "email.opened",
  "email.clicked",
  "email.bounced",
];

/** Resend, by Svix: the id stays when it is sent again, time and signature change. */
export const resendSender: WebhookSender = {
  slug: "resend",
  secret: `whsec_${Buffer.from("simulated resend secret!").toString("base64")}`,
  webhook({ url, secret = "" }, { n, messageId, at }, sentAt) {
    const type = pick(n, "resend webhook", TYPES);
    const body = JSON.stringify({
      type,
      created_at: at.toISOString(),
      data: {
        email_id: messageId,
        message_id: `<${messageId}@mail.example.test>`,
        created_at: at.toISOString().replace("Z", "000+00:00"),
        from: "Agro Demo <no-reply@mail.example.test>",
        to: [`contact-${n}@ferma-exemplu.test`],
        subject: "Ofertă pentru ferma dumneavoastră",
        tags: { tenant: "t1" },
        ...(type === "email.bounced"
          ? { bounce: { type: "Permanent", subType: "General", message: "The mailbox does not exist." } }
          : {}),
        ...(type === "email.clicked"
          ? {
              click: {
                ipAddress: "192.0.2.1",
                link: "https://agro.example.test/",
                timestamp: at,
                userAgent: "x",
              },
            }
          : {}),
      },
    });
    const id = `msg_${messageId.replaceAll("-", "")}`;
    const timestamp = String(Math.floor(sentAt.getTime() / 1000));
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
    const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
    const headers = {
      "content-type": "application/json",
      "svix-id": id,
      "svix-timestamp": timestamp,
      "svix-signature": `v1,${signature}`,
    };
    return { url, headers, body };
  },
};
