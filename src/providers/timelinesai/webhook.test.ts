import { describe, expect, it } from "vitest";
import { timelinesaiWebhook } from "./webhook.ts";

const contact = { full_name: "Ion Exemplu", phone: "+40700000001" };
const ours = { full_name: "Agro Demo", email: "demo@example.test", phone: "+40700000099" };

function payload(changes: { event_type?: string; chat?: object; message?: object } = {}) {
  return {
    event_type: changes.event_type ?? "message:received:new",
    chat: {
      full_name: "Ion Exemplu",
      chat_id: 1_000_001,
      is_group: false,
      phone: "+40700000001",
      ...changes.chat,
    },
    whatsapp_account: ours,
    message: {
      text: "Da, mă interesează",
      direction: "received",
      origin: "WhatsApp",
      timestamp: "2026-01-08 10:35:18 +0200",
      message_uid: "0f5d2c1e-1111-4222-8333-444455556667",
      sender: contact,
      recipient: ours,
      reply_to_uid: null,
      attachments: [{ temporary_download_url: "https://files.example.test/x", filename: "oferta.pdf" }],
      ...changes.message,
    },
  };
}
const eventOf = (told: unknown) => timelinesaiWebhook.read(told, {}).events[0];

describe("TimelinesAI's webhooks", () => {
  it("tell of a message, with a time that is not ISO 8601", () => {
    expect(timelinesaiWebhook.read(payload(), {})).toEqual({
      eventType: "message:received:new",
      events: [
        {
          kind: "message_received",
          channel: "whatsapp",
          occurredAt: new Date("2026-01-08T08:35:18Z"),
          eventKey: "message:0f5d2c1e-1111-4222-8333-444455556667",
          messageRef: "0f5d2c1e-1111-4222-8333-444455556667",
          conversationRef: "1000001",
          campaignRef: null,
          contact: "+40700000001",
          account: "+40700000099",
          subject: null,
          bodyText: "Da, mă interesează",
          details: { attachments: 1, origin: "WhatsApp" },
        },
      ],
    });
  });

  it("tell of the same message by several subscriptions, as one event", () => {
    const keys = ["message:new", "message:received:new"].map(
      (event_type) => eventOf(payload({ event_type }))?.eventKey,
    );
    expect(new Set(keys).size).toBe(1);
  });

  it("tell of our own messages, with the recipient for contact", () => {
    const message = { direction: "sent", origin: "Public API", sender: ours, recipient: contact };
    expect(eventOf(payload({ event_type: "message:sent:new", message }))).toMatchObject({
      kind: "message_sent",
      contact: "+40700000001",
    });
  });

  it("are read the way the guide has them, too", () => {
    const { event_type, ...data } = payload();
    expect(eventOf({ event_type, data })).toEqual(eventOf(payload()));
  });

  it("have the chat's number where the message has none, but not a group's", () => {
    const message = { sender: null };
    expect(eventOf(payload({ message }))).toMatchObject({ contact: "+40700000001" });
    const inGroup = eventOf(payload({ message, chat: { is_group: true } }));
    expect(inGroup).toMatchObject({ contact: null, details: { inGroup: true } });
  });

  it.each(["chat:created", "chat:assigned", "whatsapp:disconnected"])("ignore %s", (event_type) => {
    expect(timelinesaiWebhook.read({ event_type, chat: {} }, {}).events).toEqual([]);
  });

  it.each([
    ["no message", { message: undefined }],
    ["another direction", payload({ message: { direction: "sideways" } })],
    ["a time of another kind", payload({ message: { timestamp: "yesterday" } })],
  ])("are not of a known shape with %s", (_, changes) => {
    expect(() => timelinesaiWebhook.read({ ...payload(), ...changes }, {})).toThrow();
  });
});
