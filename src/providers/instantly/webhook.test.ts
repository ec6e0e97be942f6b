import { describe, expect, it } from "vitest";
import { instantlyWebhook } from "./webhook.ts";

const payload = (event_type: string, changes: Record<string, unknown> = {}) => ({
  timestamp: "2026-01-08T08:35:18.000Z",
  event_type,
  workspace: "01900000-0000-7000-8000-0000000000ff",
  campaign_id: "01900000-0000-7000-8000-0000000000aa",
  campaign_name: "Cereale Călărași Q1",
  lead_email: "Ion@ferma-exemplu.test",
  email_account: "vanzari@send.example.test",
  step: 1,
  email_id: "01900000-0000-7000-8000-0000000000bb",
  Hectare: 120,
  ...changes,
});
const eventOf = (...args: Parameters<typeof payload>) =>
  instantlyWebhook.read(payload(...args), {}).events[0];

describe("Instantly's webhooks", () => {
  it("tell of a reply, with what was written", () => {
    const reply = { reply_subject: "Re: Ofertă", reply_text: "Da.\n\nIon", reply_text_snippet: "Da." };
    expect(eventOf("reply_received", reply)).toMatchObject({
      kind: "message_received",
      channel: "email",
      contact: "ion@ferma-exemplu.test",
      account: "vanzari@send.example.test",
      campaignRef: "01900000-0000-7000-8000-0000000000aa",
      messageRef: "01900000-0000-7000-8000-0000000000bb",
      subject: "Re: Ofertă",
      bodyText: "Da.\n\nIon",
      details: { step: "1" },
    });
  });

  it.each([
    ["email_sent", "message_sent"],
    ["email_opened", "opened"],
    ["link_clicked", "clicked"],
    ["email_link_clicked", "clicked"],
    ["auto_reply_received", "auto_reply_received"],
    ["email_bounced", "bounced"],
    ["lead_unsubscribed", "unsubscribed"],
    ["campaign_completed", "campaign_completed"],
    ["account_error", "account_failed"],
  ])("%s is %s", (type, kind) => {
    expect(eventOf(type)).toMatchObject({ kind });
  });

  it.each(["lead_interested", "Very hot lead"])(
    "take %j for a label: custom ones are types of their own",
    (type) => {
      expect(eventOf(type)).toMatchObject({ kind: "labelled", details: { label: type } });
    },
  );

  it("are the same event with the same type, lead, campaign, step, message and time", () => {
    const key = (changes: Record<string, unknown>) => eventOf("email_opened", changes)?.eventKey;
    const first = key({});
    expect(key({ campaign_name: "renamed", Hectare: 7, lead_email: "ION@ferma-exemplu.test" })).toBe(first);
    for (const changes of [{ step: 2 }, { email_id: "x" }, { campaign_id: "x" }, { lead_email: "x@y.ro" }]) {
      expect(key(changes)).not.toBe(first);
    }
    expect(key({ timestamp: "2026-01-08T08:35:19.000Z" })).not.toBe(first);
  });

  it("say enough with the least that is always there", () => {
    const least = { timestamp: "2026-01-08T08:35:18.000Z", event_type: "account_error" };
    expect(instantlyWebhook.read(least, {}).events).toMatchObject([
      { kind: "account_failed", contact: null },
    ]);
  });

  it("ignore what was not said between us and a contact", () => {
    expect(eventOf("supersearch_enrichment_completed")).toBeUndefined();
  });
});
