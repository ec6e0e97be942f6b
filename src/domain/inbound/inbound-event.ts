/** What has happened to a message of ours, or to whom we write, as providers tell it: in our words, whoever tells it. */

export const inboundKinds = [
  // Somebody wrote to us; a machine answered for them.
  "message_received",
  "auto_reply_received",
  // What became of what we wrote.
  "message_sent",
  "delivered",
  "delayed",
  "bounced",
  "failed",
  "suppressed",
  "opened",
  "clicked",
  // What they want of us: no outreach after either.
  "complained",
  "unsubscribed",
  // Somebody, or the provider, put a label on the contact: `details.label`.
  "labelled",
  "campaign_completed",
  "account_failed",
] as const;
export type InboundKind = (typeof inboundKinds)[number];

export interface InboundEvent {
  kind: InboundKind;
  channel: "email" | "whatsapp";
  /** By the provider's clock. Deliveries come late and in any order: this is the order of events. */
  occurredAt: Date;
  /** The same event has the same key, however often and by whatever subscription it is told. At most 300 characters. */
  eventKey: string;
  /** The provider's ids. */
  messageRef: string | null;
  conversationRef: string | null;
  campaignRef: string | null;
  /** The other side: an e-mail address in lower case, or a phone number in E.164. Null where none is told. */
  contact: string | null;
  /** Ours: the mailbox or the number. */
  account: string | null;
  subject: string | null;
  /** What they, or we, wrote. Personal numbers are masked. */
  bodyText: string | null;
  /** What only this kind has, such as `bounceType` or `link`. */
  details: Record<string, string | number | boolean>;
}

/** An event with nothing but what each has. */
export const inboundEvent = (
  parts: Pick<InboundEvent, "kind" | "channel" | "occurredAt" | "eventKey"> & Partial<InboundEvent>,
): InboundEvent => ({
  messageRef: null,
  conversationRef: null,
  campaignRef: null,
  contact: null,
  account: null,
  subject: null,
  bodyText: null,
  details: {},
  ...parts,
});
