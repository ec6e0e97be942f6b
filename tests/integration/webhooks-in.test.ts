import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { instantlySender } from "#infra/simulator/webhooks/instantly.ts";
import { resendSender } from "#infra/simulator/webhooks/resend.ts";
import {
  forged,
  happeningOf,
  type Setup,
  type WebhookSender,
  webhookSenders,
} from "#infra/simulator/webhooks/sender.ts";
import { timelinesaiSender } from "#infra/simulator/webhooks/timelinesai.ts";
import { sweepWebhooks } from "#src/platform/webhooks-in/sweep.ts";
import { eventually } from "#tests/support/eventually.ts";
import { CNP } from "#tests/support/registry-files.ts";
import { post, startWebhookApp, type WebhookApp } from "#tests/support/webhooks.ts";

let main: WebhookApp;
let workspaceId: string;

beforeAll(async () => {
  main = await startWebhookApp();
});
afterAll(() => main.stop());
beforeEach(async () => {
  await main.query("TRUNCATE webhook_deliveries, inbound_events, outbox CASCADE");
  // Of its own, because the door remembers for two seconds what is expected where.
  workspaceId = await main.newWorkspace();
});
afterEach(() => {
  main.clock.at = null;
});

const webhook = (sender: WebhookSender, setup: Setup, n = 1, sentAt = new Date()) =>
  sender.webhook(setup, happeningOf("test", n, new Date("2026-11-22T09:00:00Z")), sentAt);
const deliveries = () =>
  main.query<{ id: string; status: string; problem: string | null; event_type: string; body: Buffer }>(
    "SELECT * FROM webhook_deliveries ORDER BY id",
  );
const events = () => main.query<Record<string, unknown>>("SELECT * FROM inbound_events ORDER BY id");
const later = (ms: number) => {
  main.clock.at = new Date(Date.now() + ms);
};

describe.each(webhookSenders)("webhooks of $slug", (sender) => {
  it("are stored as they came in, then told in our words", async () => {
    const sent = webhook(sender, await main.expectOf(sender));
    expect(await post(main, sent)).toMatchObject({ status: 200, body: { data: { status: "stored" } } });
    const [stored] = await deliveries();
    expect(stored).toMatchObject({ status: "received" });
    expect(stored?.body.toString()).toBe(sent.body);

    await main.work();
    expect(await deliveries()).toMatchObject([{ status: "normalised", problem: null }]);
    expect(await events()).toMatchObject([
      {
        provider: sender.slug,
        message_ref: happeningOf("test", 1, new Date()).messageId,
        delivery_id: stored?.id,
      },
    ]);
  });

  it("are taken once, however often they are delivered", async () => {
    const setup = await main.expectOf(sender);
    await post(main, webhook(sender, setup));
    // A second later the signature is another one.
    const again = webhook(sender, setup, 1, new Date(Date.now() + 1_000));
    expect(await post(main, again)).toMatchObject({ status: 200, body: { data: { status: "duplicate" } } });
    await main.work();
    expect(await post(main, again)).toMatchObject({ status: 200, body: { data: { status: "duplicate" } } });
    expect(await deliveries()).toHaveLength(1);
    expect(await events()).toHaveLength(1);
    expect(await main.query("SELECT 1 FROM outbox")).toHaveLength(1);
  });

  it("are refused without the secret, counted, and not kept", async () => {
    const setup = await main.expectOf(sender);
    const answer = await post(main, forged(webhook(sender, setup)));
    expect(answer).toMatchObject({ status: 401, body: { data: null, error: { code: "not_genuine" } } });
    expect(await deliveries()).toEqual([]);
    await eventually(async () => {
      const { body } = await main.api("GET", "/webhook-sources");
      expect(body.data[0].refusals).toMatchObject([{ reason: "bad_signature", count: 1 }]);
    });
  });

  it("are not expected where nobody has asked for them, or no longer", async () => {
    const setup = await main.expectOf(sender);
    expect((await post(main, webhook(sender, setup))).status).toBe(200);
    expect(await main.api("DELETE", `/webhook-sources/${sender.slug}`)).toMatchObject({ status: 200 });
    await eventually(async () => {
      expect((await post(main, webhook(sender, setup))).status).toBe(404);
    });
    expect(await main.api("DELETE", `/webhook-sources/${sender.slug}`)).toMatchObject({ status: 404 });

    const elsewhere = { ...setup, url: setup.url.replace(workspaceId, await main.newWorkspace()) };
    expect((await post(main, webhook(sender, elsewhere))).status).toBe(404);
  });
});

it("many at once are stored by a few commits, and by a few events", async () => {
  const setups = await Promise.all(webhookSenders.map((sender) => main.expectOf(sender)));
  const sent = webhookSenders.flatMap((sender, index) =>
    Array.from({ length: 50 }, (_, n) => webhook(sender, setups[index] as Setup, n)),
  );
  const answers = await Promise.all([...sent, ...sent].map((each) => post(main, each)));
  const told = answers.map(({ body }) => body.data?.status);
  expect(told.filter((status) => status === "stored")).toHaveLength(150);
  expect(told.filter((status) => status === "duplicate")).toHaveLength(150);
  const [row] = await main.query<{ commits: number; events: number }>(
    "SELECT count(DISTINCT xmin::text)::int AS commits, (SELECT count(*)::int FROM outbox) AS events FROM webhook_deliveries",
  );
  expect(row?.commits).toBeLessThanOrEqual(10);
  expect(row?.events).toBeLessThanOrEqual(30);
  await main.work();
  expect(await events()).toHaveLength(150);
});

describe("what is told more than once in other words", () => {
  it("is one event, whichever subscription told it", async () => {
    const setup = await main.expectOf(timelinesaiSender);
    const sent = webhook(timelinesaiSender, setup);
    const told = JSON.parse(sent.body);
    for (const event_type of ["message:new", `message:${told.message.direction}:new`]) {
      await post(main, { ...sent, body: JSON.stringify({ ...told, event_type }) });
    }
    await main.work();
    expect(await deliveries()).toMatchObject([{ status: "normalised" }, { status: "normalised" }]);
    expect(await events()).toHaveLength(1);
  });
});

describe("what cannot be parsed", () => {
  it("is kept and listed, and read again when somebody says so", async () => {
    const setup = await main.expectOf(instantlySender);
    const sent = webhook(instantlySender, setup);
    await post(main, { ...sent, body: JSON.stringify({ event_type: "email_sent", timestamp: "soon" }) });
    await post(main, sent);
    await main.work();

    const { body } = await main.api("GET", "/webhooks-in?status=unparsed&provider=instantly");
    expect(body.data).toMatchObject([
      { status: "unparsed", problem: "Not of a shape that we know: timestamp (custom)", sizeBytes: 46 },
    ]);
    const [{ id }] = body.data;
    // As if a later release knew the shape.
    await main.query("UPDATE webhook_deliveries SET body = $1 WHERE id = $2", [
      webhook(instantlySender, setup, 2).body,
      id,
    ]);
    expect(await main.api("POST", `/webhooks-in/${id}/replay`)).toMatchObject({ status: 202 });
    await main.work();
    expect(await events()).toHaveLength(2);
    expect(await main.api("POST", `/webhooks-in/${id}/replay`)).toMatchObject({
      status: 409,
      body: { error: { code: "webhook_normalised" } },
    });
  });

  it("is not read again without a body, and not in another workspace", async () => {
    const sent = webhook(instantlySender, await main.expectOf(instantlySender));
    await post(main, { ...sent, body: "no JSON" });
    await main.work();
    const [{ id } = { id: "" }] = await deliveries();
    expect(await main.api("POST", `/webhooks-in/${randomUUID()}/replay`)).toMatchObject({ status: 404 });
    await main.query("UPDATE webhook_deliveries SET body = NULL");
    expect(await main.api("POST", `/webhooks-in/${id}/replay`)).toMatchObject({
      status: 409,
      body: { error: { code: "webhook_body_removed" } },
    });

    await main.newWorkspace();
    expect(await main.api("POST", `/webhooks-in/${id}/replay`)).toMatchObject({ status: 404 });
    expect((await main.api("GET", "/webhooks-in")).body.data).toEqual([]);
  });
});

it("a personal number is not kept once it was read", async () => {
  const setup = await main.expectOf(timelinesaiSender);
  const sent = webhook(timelinesaiSender, setup);
  const told = JSON.parse(sent.body);
  told.message.text = `CNP ${CNP}`;
  await post(main, { ...sent, body: JSON.stringify(told) });
  await main.work();
  expect(await deliveries()).toMatchObject([{ status: "normalised", body: null }]);
  expect(await events()).toMatchObject([{ body_text: "CNP [CNP]" }]);
});

describe("the list", () => {
  it("goes page by page, the newest first", async () => {
    const setup = await main.expectOf(resendSender);
    for (const n of [1, 2, 3]) await post(main, webhook(resendSender, setup, n));
    const first = await main.api("GET", "/webhooks-in?limit=2");
    const second = await main.api("GET", `/webhooks-in?limit=2&cursor=${first.body.meta.nextCursor}`);
    const ids = [...first.body.data, ...second.body.data].map(({ id }: { id: string }) => id);
    expect(ids).toEqual((await deliveries()).map(({ id }) => id).reverse());
    expect(second.body.meta.nextCursor).toBeNull();
    expect(JSON.stringify(first.body)).not.toContain("ferma-exemplu");
  });
});

describe("a change of secrets", () => {
  it("takes both while it lasts, and the new one only after it", async () => {
    const before = await main.expectOf(timelinesaiSender);
    const { body } = await main.api("PUT", "/webhook-sources/timelinesai", { overlapHours: 1 });
    const after: Setup = body.data.setup;
    expect(after.url).not.toBe(before.url);
    expect(body.data.secretLast4).toBe(after.url.slice(-4));
    const statusOf = async (setup: Setup, n: number) =>
      (await post(main, webhook(timelinesaiSender, setup, n))).status;

    expect([await statusOf(before, 1), await statusOf(after, 2)]).toEqual([200, 200]);
    later(3_601_000);
    expect([await statusOf(before, 3), await statusOf(after, 4)]).toEqual([401, 200]);
  });

  it("drops the former one at once where no time is given", async () => {
    const before = await main.expectOf(instantlySender);
    const { body } = await main.api("PUT", "/webhook-sources/instantly", { overlapHours: 0 });
    expect(await post(main, webhook(instantlySender, before))).toMatchObject({ status: 401 });
    expect(await post(main, webhook(instantlySender, body.data.setup))).toMatchObject({ status: 200 });
  });

  it("shows a secret once, and is in the audit trail without it", async () => {
    const { headers } = await main.expectOf(instantlySender);
    const secret = headers.Authorization?.replace("Bearer ", "") as string;
    const { body } = await main.api("GET", "/webhook-sources");
    expect(body.data).toMatchObject([
      {
        provider: "instantly",
        url: `https://app.example.test/webhooks/instantly/${workspaceId}`,
        secretLast4: secret.slice(-4),
      },
    ]);
    expect(JSON.stringify(body)).not.toContain(secret);
    const rows = await main.query("SELECT row_to_json(e)::text AS row FROM audit_entries e");
    expect(JSON.stringify(rows)).toContain("webhook_source.changed");
    expect(JSON.stringify(rows)).not.toContain(secret);
    expect(JSON.stringify(await main.query("SELECT * FROM webhook_sources"))).not.toContain(secret);
  });

  it.each([
    ["resend", {}, 422, "secret_invalid"],
    ["resend", { secret: "guess" }, 422, "secret_invalid"],
    ["instantly", { secret: "guess" }, 422, "secret_not_accepted"],
    ["instantly", { workspaceId: randomUUID() }, 422, "invalid_request"],
    ["mailgun", {}, 404, "webhook_source_not_found"],
  ])("of %s with %j is refused", async (provider, body, status, code) => {
    expect(await main.api("PUT", `/webhook-sources/${provider}`, body)).toMatchObject({
      status,
      body: { error: { code } },
    });
  });
});

it("while its function is paused it waits, and is read once that is over", async () => {
  await post(main, webhook(resendSender, await main.expectOf(resendSender)));
  const pause = { kind: "function", target: "webhook-resend", reason: "test" };
  const { body } = await main.api("POST", "/operations/pauses", pause);
  await main.work();
  expect(await deliveries()).toMatchObject([{ status: "received" }]);
  expect((await main.api("DELETE", `/operations/pauses/${body.data.pauseId}`)).status).toBe(200);
  await main.work();
  expect(await deliveries()).toMatchObject([{ status: "normalised" }]);
});

describe("what was never normalised", () => {
  it("is asked for again after a quarter of an hour, once", async () => {
    await post(main, webhook(resendSender, await main.expectOf(resendSender)));
    expect(await sweepWebhooks(main.deps)).toBe(0);
    // Its event was taken up by a run that has failed.
    await main.query("UPDATE outbox SET consumed_at = now()");
    await main.query("UPDATE webhook_deliveries SET requested_at = now() - interval '16 minutes'");
    const swept = await Promise.all([sweepWebhooks(main.deps), sweepWebhooks(main.deps)]);
    expect(swept.sort()).toEqual([0, 1]);
    await main.work();
    expect(await events()).toHaveLength(1);
  });
});

describe("while Postgres cannot be asked", () => {
  it("answers 503 and when to come again, and takes the same webhook afterwards", async () => {
    const sent = webhook(resendSender, await main.expectOf(resendSender));
    await main.query("ALTER TABLE webhook_deliveries RENAME TO hidden");
    const { pathname } = new URL(sent.url);
    const refused = await main.app.request(pathname, {
      method: "POST",
      headers: sent.headers,
      body: sent.body,
    });
    await main.query("ALTER TABLE hidden RENAME TO webhook_deliveries");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await post(main, sent)).toMatchObject({ status: 200, body: { data: { status: "stored" } } });
  });
});
