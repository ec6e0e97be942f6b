import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { webhookSources } from "#src/providers/webhooks.ts";
import { readDelivery } from "./normalise.ts";
import type { WebhookSource } from "./source.ts";

const source = (slug: string) => webhookSources.get(slug) as WebhookSource;
const read = (slug: string, body: unknown) =>
  readDelivery(source(slug), {
    id: "d",
    headers: { "svix-id": "msg_1" },
    body: body === null || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)),
  });
const reply = (reply_text: unknown) => ({
  event_type: "reply_received",
  timestamp: "2026-01-08T08:35:18Z",
  lead_email: "ion@ferma.test",
  reply_text,
});

describe("reading a delivery", () => {
  it("has events, or is ignored", () => {
    expect(read("instantly", reply("Da."))).toMatchObject({
      ended: { id: "d", status: "normalised", eventType: "reply_received", problem: null },
      events: [{ deliveryId: "d", provider: "instantly", bodyText: "Da." }],
    });
    expect(read("timelinesai", { event_type: "chat:created" })).toMatchObject({
      ended: { status: "ignored", eventType: "chat:created" },
      events: [],
    });
  });

  it.each([
    ["no JSON", Buffer.from("<html>"), "The body is not JSON."],
    ["nothing", Buffer.alloc(0), "The body is not JSON."],
    ["half of a JSON", Buffer.from('{"event_type":"x'), "The body is not JSON."],
    ["no UTF-8", Buffer.from([0x7b, 0xff, 0x7d]), "The body is not UTF-8."],
    ["a body that was removed", null, "The body has been removed."],
    [
      "another shape",
      { event_type: "reply_received", timestamp: "ion@ferma.test" },
      "Not of a shape that we know: timestamp (custom)",
    ],
    ["a list", [], "Not of a shape that we know: body (invalid_type)"],
  ])("says of %s why it is unparsed, and no value of it", (_, body, problem) => {
    expect(read("instantly", body)).toEqual({
      ended: { id: "d", status: "unparsed", eventType: null, problem, dropsBody: false },
      events: [],
    });
  });

  it("masks personal numbers in what people write, and leaves the paragraphs", () => {
    const { ended, events } = read("instantly", reply("CNP-ul meu:\n1800101221144\n\nIon"));
    expect(events[0]?.bodyText).toBe("CNP-ul meu:\n[CNP]\n\nIon");
    expect(ended.dropsBody).toBe(true);
    expect(read("instantly", reply("Da.")).ended.dropsBody).toBe(false);
  });

  it("takes out what Postgres does not take, and cuts what has no end", () => {
    const [event] = read("instantly", reply(`a\u0000b\ud800c${"x".repeat(30_000)}`)).events;
    expect(event?.bodyText).toMatch(/^ab\ufffdcx+$/);
    expect(event?.bodyText).toHaveLength(20_000);
  });

  it("does not break over what goes deep", () => {
    const deep = Buffer.from(`{"event_type":"x","a":${"[".repeat(300_000)}${"]".repeat(300_000)}}`);
    expect(read("instantly", deep).ended.status).toBe("unparsed");
  });

  it("has an answer for any body at all, and nothing in it that cannot be stored", () => {
    const anything = fc.oneof(fc.json({ maxDepth: 2 }), fc.string());
    const json = fc.jsonValue({ maxDepth: 2 });
    const odd = fc.string({
      unit: fc.constantFrom("a", "1", "<", "@", "ț", "\u0000", "\u001b", "\ud800", "\u202e"),
    });
    const types = ["reply_received", "message:new", "email.bounced", "x"];
    const nearly = fc.record({
      event_type: fc.constantFrom(...types),
      type: fc.constantFrom(...types),
      timestamp: fc.constantFrom("2026-01-08T08:35:18Z", "2026-01-08 10:35:18 +0200", "0000", ""),
      created_at: fc.constant("2026-01-08T08:35:18Z"),
      lead_email: fc.oneof(odd, json),
      reply_text: fc.oneof(odd, json),
      data: fc.oneof(json, fc.record({ email_id: odd, to: fc.array(fc.string()) })),
      message: json,
      __proto__: json,
    });
    fc.assert(
      fc.property(fc.constantFrom(...webhookSources.keys()), fc.oneof(anything, nearly), (slug, told) => {
        const body = Buffer.from(typeof told === "string" ? told : JSON.stringify(told));
        const { ended, events } = read(slug, body);
        expect(["normalised", "ignored", "unparsed"]).toContain(ended.status);
        expect(ended.status === "normalised").toBe(events.length > 0);
        const texts = JSON.stringify([ended, events]);
        expect(texts.isWellFormed()).toBe(true);
        expect(texts).not.toMatch(/\\u0000|\\ud[89a-f]/i);
      }),
      { numRuns: 200 },
    );
  });
});
