/**
 * What the simulated providers send us by themselves: webhooks of their real shapes, signed as they sign them, and with
 * their bad habits. Everything follows from the seed and the number of the webhook, so that a test can tell afterwards
 * what was sent.
 */
import { v5 as uuidv5 } from "uuid";
import { chance } from "../chance.ts";
import { instantlySender } from "./instantly.ts";
import { resendSender } from "./resend.ts";
import { timelinesaiSender } from "./timelinesai.ts";

/** What was entered at the provider: as `PUT /webhook-sources/:provider` answers it. */
export interface Setup {
  url: string;
  headers: Record<string, string>;
  /** What the provider signs with, where it signs. */
  secret?: string;
}

export interface OutgoingWebhook {
  url: string;
  headers: Record<string, string>;
  body: string;
}

/** What a webhook is about. */
export interface Happening {
  n: number;
  /** Of the message, as its provider names it. */
  messageId: string;
  at: Date;
}

export interface WebhookSender {
  slug: string;
  /** A secret as the provider shows it; null: it takes ours. */
  secret: string | null;
  /** @param sentAt another one for each attempt */
  webhook(setup: Setup, happening: Happening, sentAt: Date): OutgoingWebhook;
}

export const webhookSenders: readonly WebhookSender[] = [resendSender, instantlySender, timelinesaiSender];

/** The n-th thing that happens. */
export const happeningOf = (seed: string, n: number, at: Date): Happening => ({
  n,
  messageId: uuidv5(`${seed} ${n}`, "01900000-0000-7000-8000-00000000f00d"),
  at,
});

/**
 * What a provider makes of it on the wire: most often one webhook; one in fifty is delivered twice, one in a hundred
 * comes first from somebody who does not know the secret.
 */
export function deliveriesOf(n: number): readonly ("genuine" | "forged")[] {
  if (chance(n, "forged webhook") < 0.01) return ["forged", "genuine"];
  if (chance(n, "webhook sent twice") < 0.02) return ["genuine", "genuine"];
  return ["genuine"];
}

/** The same webhook from somebody who does not know the secret. */
export function forged({ url, headers, body }: OutgoingWebhook): OutgoingWebhook {
  const wrong = Object.entries(headers).map(([name, value]) => {
    if (name === "svix-signature") return [name, `v1,${Buffer.alloc(32).toString("base64")}`];
    return [name, name === "Authorization" ? "Bearer guessed" : value];
  });
  return { url: url.replace(/token=.*/, "token=guessed"), headers: Object.fromEntries(wrong), body };
}
