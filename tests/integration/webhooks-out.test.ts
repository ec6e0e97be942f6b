import { createHmac } from "node:crypto";
import pg from "pg";
import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { inWorkspace } from "#db/client.ts";
import type { EndpointDelivery } from "#db/queries/endpoint-deliveries.ts";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";
import { FAILING_MS, type WebhookType } from "#src/domain/webhooks-out.ts";
import type { WebhookDue } from "#src/events/webhooks-out.ts";
import { createSafeFetch } from "#src/platform/safe-fetch.ts";
import { announce } from "#src/platform/webhooks-out/announce.ts";
import { deliver, sweepDeliveries } from "#src/platform/webhooks-out/deliver.ts";
import { createEndpoint } from "#src/platform/webhooks-out/endpoints.ts";
import { type Answer, startApi, type TestApi } from "#tests/support/api.ts";
import { asService } from "#tests/support/secret-keys.ts";
import { startWebhookReceiver, type WebhookReceiver } from "#tests/support/webhook-receiver.ts";

let api: TestApi;
let owner: pg.Pool;
let receiver: WebhookReceiver;
let now: Date;

beforeAll(async () => {
  api = await startApi({ now: () => now });
  owner = new pg.Pool({ connectionString: api.database.url, max: 1 });
});
afterAll(async () => {
  await owner.end();
  await api.stop();
});
beforeEach(async () => {
  now = new Date();
  receiver = await startWebhookReceiver();
  api.deps.webhookFetch = createSafeFetch({ allowHosts: new Set([receiver.host]) });
  await owner.query("TRUNCATE webhook_endpoints, webhook_messages, outbox CASCADE");
});
afterEach(() => receiver.stop());

const call = (method: string, path: string, body?: unknown): Promise<Answer> =>
  api.request(method, path, { headers: asService, ...(body === undefined ? {} : { body }) });

/** Through the API only https is let in. */
const endpointAt = (url = receiver.url, eventTypes: WebhookType[] = ["job.finished", "endpoint.disabled"]) =>
  inWorkspace(api.deps.db, DEFAULT_WORKSPACE_ID, (tx) =>
    createEndpoint(tx, api.deps.vault, {
      workspaceId: DEFAULT_WORKSPACE_ID,
      url,
      description: "",
      eventTypes,
      by: "test",
    }),
  );
const happened = (type: WebhookType = "job.finished", data: Record<string, unknown> = { jobId: "j1" }) =>
  inWorkspace(api.deps.db, DEFAULT_WORKSPACE_ID, (tx) => announce(tx, DEFAULT_WORKSPACE_ID, type, data));

interface Due {
  data: WebhookDue;
  inSeconds: number;
}
/** What the outbox holds for the relay, and how long each waits; taken out of it. */
const takeDue = async (): Promise<Due[]> =>
  (
    await owner.query<Due>(
      `WITH taken AS (DELETE FROM outbox WHERE name = 'webhook/delivery.due' RETURNING *)
       SELECT data, extract(epoch FROM next_send_at - created_at)::float8 AS "inSeconds" FROM taken ORDER BY next_send_at, id`,
    )
  ).rows;
const send = async () => Promise.all((await takeDue()).map(({ data }) => deliver(api.deps, data)));
const deliveriesOf = async (id: string): Promise<EndpointDelivery[]> =>
  (await call("GET", `/webhook-endpoints/${id}/deliveries`)).body.data;

describe("a message", () => {
  it("is signed so that the kept libraries verify it, and holds what has happened", async () => {
    const endpoint = await endpointAt();
    await happened();
    expect(await send()).toEqual(["delivered"]);
    const [got] = receiver.received;
    const headers = got?.headers as Record<string, string>;
    const verified = new Webhook(endpoint.secret).verify(got?.body ?? "", headers);
    expect(verified).toMatchObject({
      id: headers["webhook-id"],
      type: "job.finished",
      data: { jobId: "j1" },
    });
    const key = Buffer.from(endpoint.secret.slice("whsec_".length), "base64");
    const plain = createHmac("sha256", key)
      .update(got?.body ?? "")
      .digest("hex");
    expect(headers["x-webhook-signature"]).toBe(plain);
    expect(await deliveriesOf(endpoint.id)).toMatchObject([{ status: "delivered", attempts: 1 }]);
  });

  it("is signed under both secrets while they change, and under the new one alone a day later", async () => {
    const before = await endpointAt();
    const { data: after } = (await call("POST", `/webhook-endpoints/${before.id}/rotate-secret`)).body;
    const verify = (secret: string, { body, headers }: (typeof receiver.received)[number]) =>
      new Webhook(secret).verify(body, headers as Record<string, string>);
    await happened();
    await send();
    for (const secret of [before.secret, after.secret]) {
      expect(verify(secret, receiver.received[0] as never)).toBeTruthy();
    }
    now = new Date(now.getTime() + 25 * 3_600_000);
    await happened();
    await send();
    const signatures = receiver.received[1]?.headers["webhook-signature"] as string;
    expect(signatures.split(" ")).toHaveLength(1);
  });

  it("goes to those who want to know, and is not written where nobody does", async () => {
    await endpointAt(receiver.url, ["approval.decided"]);
    await happened("job.finished");
    const { rows } = await owner.query("SELECT FROM webhook_messages");
    expect(rows).toHaveLength(0);
    expect(await takeDue()).toEqual([]);
  });

  it("is told only if what it tells of is committed", async () => {
    await endpointAt();
    const rolledBack = inWorkspace(api.deps.db, DEFAULT_WORKSPACE_ID, async (tx) => {
      await announce(tx, DEFAULT_WORKSPACE_ID, "job.finished", {});
      throw new Error("no");
    });
    await expect(rolledBack).rejects.toThrow("no");
    expect(await takeDue()).toEqual([]);
  });
});

describe("a receiver that", () => {
  it("fails is tried again after 5, 10 and 20 s, then ever longer, for about a day, under one id", async () => {
    const endpoint = await endpointAt();
    receiver.answer((response) => response.writeHead(500).end("broken"));
    await happened();
    const waits: number[] = [];
    for (let [due] = await takeDue(); due; [due] = await takeDue()) {
      waits.push(due.inSeconds);
      await deliver(api.deps, due.data);
    }
    expect(waits.slice(0, 4).map(Math.round)).toEqual([0, 5, 10, 20]);
    expect(waits).toEqual(
      waits
        .toSorted((a, b) => a - b)
        .slice(0, -2)
        .concat(waits.slice(-2)),
    );
    const hours = waits.reduce((sum, seconds) => sum + seconds, 0) / 3_600;
    expect(hours).toBeGreaterThan(20);
    expect(hours).toBeLessThan(28);
    expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    const [delivery] = await deliveriesOf(endpoint.id);
    expect(delivery).toMatchObject({ status: "failed", attempts: waits.length });
    const { log } = (await call("GET", `/endpoint-deliveries/${delivery?.id}`)).body.data;
    expect(log).toHaveLength(waits.length);
    expect(log[0]).toMatchObject({ httpStatus: 500, response: "broken", errorCode: null });
  });

  it("asks for time with Retry-After gets it", async () => {
    await endpointAt();
    receiver.answer((response) => response.writeHead(429, { "retry-after": "600" }).end());
    await happened();
    expect(await send()).toEqual(["again"]);
    expect((await takeDue())[0]?.inSeconds).toBeCloseTo(600, 0);
  });

  it("redirects inside is not followed", async () => {
    const endpoint = await endpointAt();
    receiver.answer((response) =>
      response.writeHead(302, { location: "http://169.254.169.254/latest/meta-data" }).end(),
    );
    await happened();
    expect(await send()).toEqual(["again"]);
    const [delivery] = await deliveriesOf(endpoint.id);
    const { log } = (await call("GET", `/endpoint-deliveries/${delivery?.id}`)).body.data;
    expect(log).toMatchObject([{ httpStatus: null, errorCode: "too_many_redirects" }]);
  });

  it("answers without end has its first KiB kept", async () => {
    const endpoint = await endpointAt();
    receiver.answer((response) => {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      const more = () => {
        while (response.write(Buffer.alloc(65_536, "\0x"))) if (response.destroyed) return;
        response.once("drain", more);
      };
      more();
    });
    await happened();
    expect(await send()).toEqual(["delivered"]);
    const [delivery] = await deliveriesOf(endpoint.id);
    const { log } = (await call("GET", `/endpoint-deliveries/${delivery?.id}`)).body.data;
    expect(log[0].response).toBe("x".repeat(512));
  });

  it("is a private address is never reached, at any attempt", async () => {
    for (const url of [
      "http://169.254.169.254/",
      "http://127.0.0.1:6379/",
      "http://[::1]/",
      "http://2130706433/",
    ]) {
      const endpoint = await endpointAt(url);
      await happened();
      expect(await send()).toEqual(["again"]);
      const [delivery] = await deliveriesOf(endpoint.id);
      const { log } = (await call("GET", `/endpoint-deliveries/${delivery?.id}`)).body.data;
      expect(log[0]).toMatchObject({
        httpStatus: null,
        errorCode: expect.stringMatching(/forbidden|bad_url/),
      });
      await owner.query("TRUNCATE webhook_endpoints, outbox CASCADE");
    }
  });

  it("is gone (410) is sent nothing any more, and others hear of it", async () => {
    const gone = await endpointAt();
    const other = await endpointAt(receiver.url, ["endpoint.disabled"]);
    receiver.answer((response) => response.writeHead(410).end());
    await happened();
    expect(await send()).toEqual(["failed"]);
    receiver.answer((response) => response.writeHead(200).end());
    await send();
    expect(receiver.received.at(-1)?.body).toContain("endpoint.disabled");
    expect((await call("GET", `/webhook-endpoints/${gone.id}`)).body.data.disabledReason).toBe("gone");
    expect(await deliveriesOf(other.id)).toMatchObject([{ type: "endpoint.disabled", status: "delivered" }]);
    // Its own notice was missed.
    expect(await deliveriesOf(gone.id)).toMatchObject([{ status: "missed" }, { status: "failed" }]);
  });
});

describe("an endpoint that fails at everything for a day", () => {
  it("is disabled; what it misses is kept, and sent in order when it has recovered", async () => {
    const endpoint = await endpointAt();
    receiver.answer((response) => response.writeHead(503).end());
    await happened("job.finished", { n: 1 });
    await send();
    now = new Date(now.getTime() + FAILING_MS);
    await happened("job.finished", { n: 2 });
    await send();
    expect((await call("GET", `/webhook-endpoints/${endpoint.id}`)).body.data.disabledReason).toBe("failing");
    await happened("job.finished", { n: 3 });
    expect(await takeDue()).toEqual([]);

    receiver.answer((response) => response.writeHead(200).end());
    receiver.received.length = 0;
    const since = new Date(Date.now() - 3_600_000).toISOString();
    const answer = await call("POST", `/webhook-endpoints/${endpoint.id}/recover`, { since });
    expect(answer).toMatchObject({ status: 202, body: { data: { messages: 4 } } });
    const due = await takeDue();
    expect(due.map(({ inSeconds }) => Math.round(inSeconds * 10))).toEqual([0, 1, 2, 3]);
    for (const { data } of due) expect(await deliver(api.deps, data)).toBe("delivered");
    const told = receiver.received.map(({ body }) => JSON.parse(body));
    expect(told.filter(({ type }) => type === "job.finished").map(({ data }) => data.n)).toEqual([1, 2, 3]);
    const shown = (await call("GET", `/webhook-endpoints/${endpoint.id}`)).body.data;
    expect(shown).toMatchObject({ disabledReason: null, failingSince: null });
  });
});

describe("a process that dies", () => {
  it("between sending and writing it down: it is sent again, under the same id", async () => {
    await endpointAt();
    await happened();
    const [due] = await takeDue();
    const dying = { ...api.deps, webhookFetch: createSafeFetch({ allowHosts: new Set([receiver.host]) }) };
    dying.webhookFetch = async (...args) => {
      await api.deps.webhookFetch(...args);
      throw new Error("killed");
    };
    await expect(deliver(dying, due?.data as WebhookDue)).rejects.toThrow("killed");
    expect(await sweepDeliveries(api.deps)).toBe(0);
    await owner.query("UPDATE endpoint_deliveries SET due_at = now() - interval '1 second'");
    expect(await sweepDeliveries(api.deps)).toBe(1);
    expect(await send()).toEqual(["delivered"]);
    const ids = receiver.received.map(({ headers }) => headers["webhook-id"]);
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
  });

  it("an event that is sent again does nothing", async () => {
    await endpointAt();
    await happened();
    const [due] = await takeDue();
    expect(await deliver(api.deps, due?.data as WebhookDue)).toBe("delivered");
    expect(await deliver(api.deps, due?.data as WebhookDue)).toBe("superseded");
    expect(receiver.received).toHaveLength(1);
  });
});

describe("through the API", () => {
  const wanted = { url: "https://crm.example.ro/hooks", eventTypes: ["job.finished"] };

  it("an endpoint is made, changed and removed, and its secret is shown once", async () => {
    const made = await call("POST", "/webhook-endpoints", wanted);
    expect(made.status).toBe(201);
    const { id, secret } = made.body.data;
    expect(secret).toMatch(/^whsec_/);
    const changed = await call("PATCH", `/webhook-endpoints/${id}`, { enabled: false });
    expect(changed.body.data).toMatchObject({ ...wanted, disabledReason: "by_hand" });
    const listed = await call("GET", "/webhook-endpoints");
    expect(listed.body.data).toMatchObject([{ id, secretLast4: secret.slice(-4) }]);
    expect(JSON.stringify(listed.body)).not.toContain(secret);
    expect((await call("DELETE", `/webhook-endpoints/${id}`)).status).toBe(200);
    expect((await call("GET", `/webhook-endpoints/${id}`)).status).toBe(404);
  });

  it.each([
    ["http://crm.example.ro/", "https"],
    ["https://user:pass@crm.example.ro/", "user"],
    ["javascript:alert(1)", "https"],
  ])("the address %s is refused with a sentence", async (url, word) => {
    const answer = await call("POST", "/webhook-endpoints", { ...wanted, url });
    expect(answer.status).toBe(422);
    expect(answer.body.error).toMatchObject({ field: "url", message: expect.stringContaining(word) });
  });

  it("a test answers what came of it, and is not repeated", async () => {
    const { id } = await endpointAt();
    receiver.answer((response) => response.writeHead(500).end("no"));
    const failed = await call("POST", `/webhook-endpoints/${id}/test`);
    expect(failed.body.data).toMatchObject({ type: "ping", status: "failed", log: [{ httpStatus: 500 }] });
    // It is written in the outbox as every message is; whoever comes later finds it done.
    expect(await takeDue()).toEqual([]);
  });

  it("a delivery that is over is sent again by hand", async () => {
    const { id } = await endpointAt();
    await happened();
    await send();
    const [delivery] = await deliveriesOf(id);
    expect((await call("POST", `/endpoint-deliveries/${delivery?.id}/retry`)).status).toBe(202);
    expect((await call("POST", `/endpoint-deliveries/${delivery?.id}/retry`)).status).toBe(409);
    expect(await send()).toEqual(["delivered"]);
    expect(receiver.received).toHaveLength(2);
  });
});
