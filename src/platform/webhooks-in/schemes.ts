/**
 * The ways in which senders prove who they are. A signature is about body and time; where a provider does not sign, a
 * secret that only it was told is all there is: whoever reads it on the way can forge, and nothing tells a replay by its
 * time, only by its body.
 */
import { createHmac } from "node:crypto";
import { z } from "zod";
import { sameSecret } from "../access/secrets.ts";
import type { ReceivedWebhook, Scheme, Verdict } from "./source.ts";

/** How far a signature's time may be from ours, each way: what the Standard Webhooks libraries take. */
export const WINDOW_MS = 300_000;

const SECRET_PREFIX = "whsec_";
const MESSAGE_ID = /^[\w.-]{1,256}$/;
const TIMESTAMP = /^\d{1,12}$/;
/** HMAC-SHA-256 in base64: 43 digits and one sign of padding. */
const SIGNATURE = /^v1,[A-Za-z0-9+/]{43}=$/;

/**
 * Standard Webhooks (standardwebhooks.com; Svix): HMAC-SHA-256 over id, time and the raw body. Headers begin with
 * `webhook-` or `svix-`; several signatures stand side by side while the sender changes its key.
 */
export const standardWebhooks: Scheme = {
  secret: {
    madeBy: "provider",
    schema: z
      .string()
      .regex(
        /^whsec_[A-Za-z0-9+/]{32,128}={0,2}$/,
        "expected whsec_ and a key in base64, as the provider shows it",
      ),
  },
  authenticate(webhook, secrets, now) {
    const { id, timestamp, signature } = signedHeadersOf(webhook);
    if (!MESSAGE_ID.test(id) || !TIMESTAMP.test(timestamp)) return "bad_signature";
    // Signatures of another version, and whatever else stands there, are passed over.
    const given = signature.split(" ").filter((each) => SIGNATURE.test(each));
    const expected = secrets.map((secret) => {
      const key = Buffer.from(secret.slice(SECRET_PREFIX.length), "base64");
      const mac = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(webhook.body);
      return `v1,${mac.digest("base64")}`;
    });
    if (!anySame(given, expected)) return "bad_signature";
    return Math.abs(now.getTime() - Number(timestamp) * 1000) <= WINDOW_MS ? "genuine" : "outside_window";
  },
  messageIdOf: (webhook) => signedHeadersOf(webhook).id,
  keptHeaders: [
    "content-type",
    ...["svix-id", "svix-timestamp", "svix-signature"],
    ...["webhook-id", "webhook-timestamp", "webhook-signature"],
  ],
};

/** `Authorization: Bearer <secret>`, where the provider sends headers that one tells it to. */
export const secretInHeader: Scheme = {
  secret: { madeBy: "us", goesInto: "header" },
  authenticate: ({ headers }, secrets) =>
    verdictOn(headers.authorization?.replace(/^Bearer /, "") ?? null, secrets),
  messageIdOf: () => null,
  keptHeaders: ["content-type"],
};

/** `?token=<secret>`, where the provider sends nothing but what the address holds. Our log has paths, no queries. */
export const secretInAddress: Scheme = {
  secret: { madeBy: "us", goesInto: "address" },
  authenticate: ({ token }, secrets) => verdictOn(token, secrets),
  messageIdOf: () => null,
  keptHeaders: ["content-type"],
};

/** All three of one prefix: a mixture of both is no one's signature. */
function signedHeadersOf({ headers }: ReceivedWebhook): { id: string; timestamp: string; signature: string } {
  const prefix = headers["svix-id"] === undefined ? "webhook" : "svix";
  const header = (name: string) => headers[`${prefix}-${name}`] ?? "";
  return { id: header("id"), timestamp: header("timestamp"), signature: header("signature") };
}

const verdictOn = (given: string | null, secrets: readonly string[]): Verdict =>
  anySame([given ?? ""], secrets) ? "genuine" : "bad_signature";

/** Compares all with all, also when one was the same already: the time tells nothing. */
function anySame(theirs: readonly string[], ours: readonly string[]): boolean {
  let same = false;
  for (const one of theirs) {
    for (const other of ours) same = sameSecret(one, other) || same;
  }
  return same;
}
