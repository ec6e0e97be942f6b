/** A provider that sends webhooks: how it proves to be the sender, and how what it sends is read. */
import type { z } from "zod";
import type { InboundEvent } from "#src/domain/inbound/inbound-event.ts";

export interface ReceivedWebhook {
  /** Names in lower case. */
  headers: Readonly<Record<string, string | undefined>>;
  /** `?token=` of the address; null: none, or more than one. */
  token: string | null;
  /** The bytes as they came in: what a signature is about. */
  body: Buffer;
}

/** `outside_window`: rightly signed, too long ago or in the future: perhaps a replay. */
export type Verdict = "genuine" | "bad_signature" | "outside_window";

/** How a sender proves to be who it is. See schemes.ts. */
export interface Scheme {
  /** Who thinks up the secret; ours goes into the address, or into a header, that is entered at the provider. */
  secret:
    | { madeBy: "provider"; schema: z.ZodType<string> }
    | { madeBy: "us"; goesInto: "address" | "header" };
  /** Compares in constant time, with each of the secrets. @param secrets one, or two while they change */
  authenticate(webhook: ReceivedWebhook, secrets: readonly string[], now: Date): Verdict;
  /** The sender's own id of the message, the same when it is sent again; null: it has none. */
  messageIdOf(webhook: ReceivedWebhook): string | null;
  /** Headers that are kept beside the body; none that holds a secret. */
  keptHeaders: readonly string[];
}

/** What a webhook says. No events: nothing that we follow. */
export interface Reading {
  /** The provider's own name of what has happened. */
  eventType: string;
  events: readonly InboundEvent[];
}

export interface WebhookSource extends Scheme {
  /** Stands in the address and in the id of the function. Never changed once deployed. */
  slug: string;
  /** @throws ZodError when it is not of a shape that we know */
  read(payload: unknown, headers: Readonly<Record<string, string>>): Reading;
}

/** States a source; its payload is parsed by `schema` before it is read. */
export function defineWebhookSource<Payload>({
  scheme,
  slug,
  schema,
  read,
}: {
  slug: string;
  scheme: Scheme;
  schema: z.ZodType<Payload>;
  read: (payload: Payload, headers: Readonly<Record<string, string>>) => Reading;
}): WebhookSource {
  return { ...scheme, slug, read: (payload, headers) => read(schema.parse(payload), headers) };
}

/** Every source of this release, by slug. */
export type WebhookSources = ReadonlyMap<string, WebhookSource>;
