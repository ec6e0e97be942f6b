import { describe, expect, it } from "vitest";
import { resendWebhook } from "./webhook.ts";

const HEADERS = { "svix-id": "msg_1" };
const payload = (type: string, data: Record<string, unknown> = {}) => ({
  type,
  created_at: "2026-01-08T08:35:18.000Z",
  data: {
    email_id: "01900000-0000-4000-8000-0000000000cc",
    created_at: "2026-01-08T08:35:10.000000+00:00",
    from: "Agro Demo <no-reply@mail.example.test>",
    to: ["Ion@Ferma-Exemplu.test"],
    subject: "Ofertă",
    tags: { tenant: "t1" },
    ...data,
  },
});
const eventsOf = (...args: Parameters<typeof payload>) =>
  resendWebhook.read(payload(...args), HEADERS).events;

describe("Resend's webhooks", () => {
  it("tell of a bounce, with its kind", () => {
    const bounce = { type: "Permanent", subType: "General", message: "No such mailbox." };
    expect(eventsOf("email.bounced", { bounce })).toEqual([
      {
        kind: "bounced",
        channel: "email",
        occurredAt: new Date("2026-01-08T08:35:18.000Z"),
        eventKey: "msg_1:0",
        messageRef: "01900000-0000-4000-8000-0000000000cc",
        conversationRef: null,
        campaignRef: null,
        contact: "ion@ferma-exemplu.test",
        account: "no-reply@mail.example.test",
        subject: "Ofertă",
        bodyText: null,
        details: { bounceType: "Permanent", bounceSubType: "General", reason: "No such mailbox." },
      },
    ]);
  });

  it.each([
    ["email.sent", "message_sent"],
    ["email.delivered", "delivered"],
    ["email.delivery_delayed", "delayed"],
    ["email.failed", "failed"],
    ["email.suppressed", "suppressed"],
    ["email.complained", "complained"],
    ["email.opened", "opened"],
  ])("%s is %s", (type, kind) => {
    expect(eventsOf(type)).toMatchObject([{ kind }]);
  });

  it("tell of a click without telling where from", () => {
    const click = { ipAddress: "192.0.2.1", link: "https://agro.example.test/", userAgent: "Mozilla" };
    expect(eventsOf("email.clicked", { click })).toMatchObject([
      { kind: "clicked", details: { link: "https://agro.example.test/" } },
    ]);
    expect(JSON.stringify(eventsOf("email.clicked", { click }))).not.toMatch(/192\.0\.2\.1|Mozilla/);
  });

  it("have an event for each recipient", () => {
    const events = eventsOf("email.delivered", { to: ["a@ferma.test", "b@ferma.test"] });
    expect(events.map(({ contact, eventKey }) => [contact, eventKey])).toEqual([
      ["a@ferma.test", "msg_1:0"],
      ["b@ferma.test", "msg_1:1"],
    ]);
  });

  it("have the sender for contact where we are the recipient", () => {
    const data = { from: "Ion <ion@ferma.test>", to: ["vanzari@agro.test"] };
    expect(eventsOf("email.received", data)).toMatchObject([
      { kind: "message_received", contact: "ion@ferma.test", account: "vanzari@agro.test" },
    ]);
  });

  it("keep an address that is none to us: whoever complains is told of", () => {
    expect(eventsOf("email.complained", { to: ["ION@fermă.test"] })).toMatchObject([
      { contact: "ion@fermă.test" },
    ]);
  });

  it.each(["contact.created", "domain.updated", "email.scheduled", "email.teleported"])(
    "ignore %s",
    (type) => {
      expect(eventsOf(type, { email_id: null })).toEqual([]);
    },
  );

  it.each([
    ["no type", { created_at: "2026-01-08T08:35:18Z", data: {} }],
    ["no message", { ...payload("email.sent"), data: {} }],
    ["a time before there was a Resend", { ...payload("email.sent"), created_at: "1970-01-01T00:00:00Z" }],
    ["a list", []],
    ["null", null],
  ])("are not of a known shape with %s", (_, told) => {
    expect(() => resendWebhook.read(told, HEADERS)).toThrow();
  });
});
