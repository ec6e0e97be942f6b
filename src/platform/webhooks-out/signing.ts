/** How receivers know that a webhook is ours: Standard Webhooks, and beside it the plain header that many tools know. */
import { createHmac, randomBytes } from "node:crypto";
import { signedContent } from "#src/domain/webhooks-out.ts";

const PREFIX = "whsec_";

/** As Standard Webhooks wants them: 32 random bytes in base64. */
export const newWebhookSecret = (): string => `${PREFIX}${randomBytes(32).toString("base64")}`;

/**
 * @param secrets the current one first; while they change, receivers may check either
 * @param id the message's: the same at every attempt, so that receivers can drop repeats
 */
export function signedHeaders(
  secrets: readonly [string, ...string[]],
  message: { id: string; at: Date; body: string },
): Record<string, string> {
  const { id, body } = message;
  const timestamp = Math.floor(message.at.getTime() / 1_000);
  const sign = (secret: string) =>
    `v1,${hmac(secret, signedContent(id, timestamp, body)).toString("base64")}`;
  return {
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": secrets.map(sign).join(" "),
    "x-webhook-signature": hmac(secrets[0], body).toString("hex"),
  };
}

/** HMAC-SHA-256 under the bytes that the secret stands for. */
function hmac(secret: string, content: string): Buffer {
  const key = Buffer.from(secret.slice(PREFIX.length), "base64");
  return createHmac("sha256", key).update(content).digest();
}
