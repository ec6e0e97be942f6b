/** What providers have told us, in our words. */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";

export interface NewInboundEvent {
  deliveryId: string;
  provider: string;
  eventKey: string;
  kind: string;
  channel: string;
  occurredAt: Date;
  messageRef: string | null;
  conversationRef: string | null;
  campaignRef: string | null;
  contact: string | null;
  account: string | null;
  subject: string | null;
  bodyText: string | null;
  details: Record<string, string | number | boolean>;
}

/** Writes those that were not told before, and returns how many that were. */
export async function insertInboundEvents(
  tx: Tx,
  workspaceId: string,
  events: readonly NewInboundEvent[],
): Promise<number> {
  if (events.length === 0) return 0;
  const sorted = events.toSorted((a, b) => (a.eventKey < b.eventKey ? -1 : 1));
  const { rowCount } = await tx.execute(sql`
    INSERT INTO inbound_events (workspace_id, delivery_id, provider, event_key, kind, channel, occurred_at, message_ref,
                                conversation_ref, campaign_ref, contact, account, subject, body_text, details)
    SELECT ${workspaceId}::uuid, "deliveryId", provider, "eventKey", kind, channel, "occurredAt", "messageRef",
           "conversationRef", "campaignRef", contact, account, subject, "bodyText", details
    FROM jsonb_to_recordset(${JSON.stringify(sorted)}::jsonb) AS e (
      "deliveryId" uuid, provider text, "eventKey" text, kind text, channel text, "occurredAt" timestamptz,
      "messageRef" text, "conversationRef" text, "campaignRef" text, contact text, account text, subject text,
      "bodyText" text, details jsonb)
    ON CONFLICT ON CONSTRAINT inbound_events_event_key DO NOTHING`);
  return rowCount ?? 0;
}
