/** By attack: what those try who would like their own webhooks to be taken for a provider's. */
import type { Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { instantlySender } from "#infra/simulator/webhooks/instantly.ts";
import { resendSender } from "#infra/simulator/webhooks/resend.ts";
import {
  forged,
  happeningOf,
  type OutgoingWebhook,
  type Setup,
  type WebhookSender,
} from "#infra/simulator/webhooks/sender.ts";
import { timelinesaiSender } from "#infra/simulator/webhooks/timelinesai.ts";
import type { AppEnv } from "#src/http/envelope.ts";
import { errorHandler } from "#src/http/errors.ts";
import { webhookRoutes } from "#src/http/webhooks/receive.ts";
import { WebhookDoor } from "#src/platform/webhooks-in/door.ts";
import { WINDOW_MS } from "#src/platform/webhooks-in/schemes.ts";
import type { WebhookSource } from "#src/platform/webhooks-in/source.ts";
import { webhookSources } from "#src/providers/webhooks.ts";
import { eventually } from "#tests/support/eventually.ts";
import { post, startWebhookApp, type WebhookApp } from "#tests/support/webhooks.ts";

let main: WebhookApp;
let server: Server;
let port: number;

beforeAll(async () => {
  main = await startWebhookApp();
  // On a socket, for what only bytes can say; bodies have a second to come in, and 10,000 bytes.
  const app = new Hono<AppEnv>().route("/", webhookRoutes(main.deps, { maxBytes: 10_000, timeoutMs: 1_000 }));
  app.onError(errorHandler(main.deps.logger));
  server = createAdaptorServer({ fetch: app.fetch }) as Server;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await main.stop();
});
beforeEach(async () => {
  await main.query("TRUNCATE webhook_deliveries, inbound_events, outbox CASCADE");
  await main.newWorkspace();
});
afterEach(() => {
  main.clock.at = null;
});

const webhook = (sender: WebhookSender, setup: Setup, n = 1) =>
  sender.webhook(setup, happeningOf("attack", n, new Date()), new Date());
const statusOf = async (sent: OutgoingWebhook) => (await post(main, sent)).status;
const stored = async () => (await main.query("SELECT 1 FROM webhook_deliveries")).length;

describe("a captured webhook", () => {
  let captured: OutgoingWebhook;
  beforeEach(async () => {
    captured = webhook(resendSender, await main.expectOf(resendSender));
    expect(await statusOf(captured)).toBe(200);
  });
  const withHeaders = (headers: Record<string, string>) => ({
    ...captured,
    headers: { ...captured.headers, ...headers },
  });
  const seconds = (ms: number) => String(Math.floor((Date.now() + ms) / 1_000));

  it("starts nothing when it is sent again", async () => {
    expect((await post(main, captured)).body.data).toEqual({ status: "duplicate" });
    expect(await main.query("SELECT 1 FROM outbox")).toHaveLength(1);
  });

  it("is refused when its time is over, and counted as such", async () => {
    main.clock.at = new Date(Date.now() + WINDOW_MS + 2_000);
    expect(await statusOf(captured)).toBe(401);
    await eventually(async () => {
      const [source] = (await main.api("GET", "/webhook-sources")).body.data;
      expect(source.refusals).toMatchObject([{ reason: "outside_window", count: 1 }]);
    });
  });

  it.each([
    ["another time", () => withHeaders({ "svix-timestamp": seconds(60_000) })],
    ["another id", () => withHeaders({ "svix-id": "msg_another" })],
    ["an id that is SQL", () => withHeaders({ "svix-id": "msg_1'; DROP TABLE outbox; --" })],
    ["another body", () => ({ ...captured, body: captured.body.replace("Ofertă", "Oferte") })],
    ["half of its body", () => ({ ...captured, body: captured.body.slice(0, captured.body.length / 2) })],
    ["no body", () => ({ ...captured, body: "" })],
    ["a space after its body", () => ({ ...captured, body: `${captured.body} ` })],
    ["a byte order mark", () => ({ ...captured, body: `\ufeff${captured.body}` })],
    ["other digits in its time", () => withHeaders({ "svix-timestamp": `0${seconds(0)}` })],
    [
      "a field more",
      () => ({ ...captured, body: captured.body.replace("{", '{"type":"email.complained",') }),
    ],
  ])("is refused with %s", async (_, changed) => {
    expect(await statusOf(changed())).toBe(401);
    expect(await stored()).toBe(1);
  });
});

describe("the secret of another", () => {
  it.each([resendSender, instantlySender, timelinesaiSender])(
    "workspace does not open this one: $slug",
    async (sender) => {
      const theirs = sender.secret ? { ...sender, secret: `whsec_${"A".repeat(32)}` } : sender;
      const setup = await main.expectOf(theirs);
      const here = await main.newWorkspace();
      await main.expectOf(sender);
      const address = new URL(setup.url);
      address.pathname = address.pathname.replace(/[^/]+$/, here);
      expect(
        await statusOf(webhook(sender, { ...setup, secret: theirs.secret ?? "", url: address.href })),
      ).toBe(401);
      expect(await stored()).toBe(0);
    },
  );

  it("provider does not, and not at another place", async () => {
    const byHeader = await main.expectOf(instantlySender);
    const byAddress = await main.expectOf(timelinesaiSender);
    const secret = byHeader.headers.Authorization?.replace("Bearer ", "") as string;
    const token = new URL(byAddress.url).searchParams.get("token") as string;
    const attempts = [
      webhook(instantlySender, { ...byHeader, headers: { Authorization: `Bearer ${token}` } }),
      webhook(timelinesaiSender, { ...byAddress, url: byAddress.url.replace(token, secret) }),
      webhook(instantlySender, { url: `${byHeader.url}?token=${secret}`, headers: {} }),
      webhook(timelinesaiSender, {
        url: byAddress.url.replace(/\?.*/, ""),
        headers: { Authorization: `Bearer ${token}` },
      }),
    ];
    expect(await Promise.all(attempts.map(statusOf))).toEqual([401, 401, 401, 401]);
  });
});

describe("tricks with an address", () => {
  it.each([
    ["a NUL", "default%00"],
    ["a path", "..%2f..%2fapi"],
    ["a picture", "%F0%9F%98%80"],
    ["full-width letters", "ｄｅｆａｕｌｔ"],
    ["a header", "default%0d%0ax-a:b"],
    ["SQL", "' OR 1=1 --"],
    ["no UTF-8", "%ff"],
    ["no end", "a".repeat(5_000)],
  ])("name no workspace by %s", async (_, workspace) => {
    const response = await main.app.request(`/webhooks/resend/${workspace}`, { method: "POST", body: "{}" });
    expect(response.status).toBe(404);
  });

  it("name no provider: those of the language are none of ours", async () => {
    const { url } = await main.expectOf(resendSender);
    for (const provider of ["__proto__", "constructor", "toString", "RESEND", "resend%20"]) {
      const { pathname } = new URL(url.replace("/resend/", `/${provider}/`));
      expect((await main.app.request(pathname, { method: "POST", body: "{}" })).status).toBe(404);
    }
  });

  it("do not open by a token that only looks like it, or by two", async () => {
    const { url, headers } = await main.expectOf(timelinesaiSender);
    const token = new URL(url).searchParams.get("token") as string;
    const fullWidth = token.replace("c", "\uff43");
    const tokens = [
      fullWidth,
      `${token}%E2%80%8B`,
      `${token}%00`,
      token.toUpperCase(),
      token.slice(0, -1),
      "",
    ];
    for (const each of tokens) {
      expect(await statusOf(webhook(timelinesaiSender, { headers, url: url.replace(token, each) }))).toBe(
        401,
      );
    }
    const twice = `${url}&token=${token}`;
    expect(await statusOf(webhook(timelinesaiSender, { headers, url: twice }))).toBe(401);
    expect(await stored()).toBe(0);
  });
});

describe("who tries addresses out", () => {
  it("has the same answer for a provider, a workspace and a source that are not there", async () => {
    const { url } = await main.expectOf(resendSender);
    const nowhere = await main.newWorkspace();
    const answers = await Promise.all(
      [
        url.replace("/resend/", "/mailgun/"),
        url.replace(/[^/]+$/, "nobody"),
        url.replace(/[^/]+$/, nowhere),
        url.replace("/resend/", "/instantly/"),
      ].map((address) => post(main, { url: address, headers: {}, body: "{}" })),
    );
    expect(new Set(answers.map(({ status, body }) => JSON.stringify([status, body.error]))).size).toBe(1);
    expect(answers[0]?.status).toBe(404);
  });

  it("has to wait for the same work, whatever is wrong", async () => {
    const { url } = await main.expectOf(resendSender);
    const workspace = url.split("/").at(-1) as string;
    const asked: (readonly string[])[] = [];
    const watched = (source: WebhookSource): WebhookSource => ({
      ...source,
      authenticate: (sent, secrets, now) => {
        asked.push(secrets);
        return source.authenticate(sent, secrets, now);
      },
    });
    const sources = new Map([...webhookSources].map(([slug, source]) => [slug, watched(source)]));
    const door = new WebhookDoor({ ...main.deps, sources });
    const sent = { headers: { "svix-id": "msg_1" }, token: null, body: Buffer.from("{}") };
    for (const [provider, where] of [
      ["resend", workspace],
      ["resend", "nobody"],
      ["mailgun", workspace],
    ] as const) {
      await door.receive({ provider, workspace: where }, sent);
    }
    expect(asked.map((secrets) => secrets.length)).toEqual([1, 1, 1]);
  });

  it("fills no table: a flood is a few counters", async () => {
    const setup = await main.expectOf(resendSender);
    const flood = Array.from({ length: 300 }, (_, n) => statusOf(forged(webhook(resendSender, setup, n))));
    expect(new Set(await Promise.all(flood))).toEqual(new Set([401]));
    expect(await stored()).toBe(0);
    await eventually(async () => {
      const [source] = (await main.api("GET", "/webhook-sources")).body.data;
      const counts = source.refusals.map(({ count }: { count: number }) => count);
      expect(counts).toEqual([300]);
    });
  });
});

describe("what is logged and sent on", () => {
  it("holds no secret, no signature and nothing of the body", async () => {
    const setups = [await main.expectOf(timelinesaiSender), await main.expectOf(instantlySender)];
    const sent = [timelinesaiSender, instantlySender].map((sender, index) =>
      webhook(sender, setups[index] as Setup),
    );
    for (const each of sent) await post(main, each);
    await post(main, forged(sent[0] as OutgoingWebhook));
    await post(main, {
      ...(sent[1] as OutgoingWebhook),
      body: '{"event_type":"x","lead_email":"ion@ferma.test"}',
    });
    await main.work();
    const rows = await main.query("SELECT name, data FROM outbox");
    const left = [
      ...main.logged,
      JSON.stringify(rows),
      JSON.stringify(await main.query("SELECT problem FROM webhook_deliveries")),
    ].join("\n");
    expect(left).toMatch(/webhook\/deliveries\.received/);
    expect(left).toMatch(/"path":"\/webhooks\/timelinesai\//);
    const secrets = [
      setups[0]?.url.split("=").at(-1),
      setups[1]?.headers.Authorization?.slice("Bearer ".length),
    ];
    for (const secret of [...secrets, "ferma", "+407", "mă interesează"]) expect(left).not.toContain(secret);
    expect(Object.keys(rows[0]?.data as object).sort()).toEqual(["deliveryIds", "provider", "workspaceId"]);
  });
});

describe("on the wire", () => {
  /** What a server answers to these bytes, until it closes or says all. */
  function talk(...parts: (string | number)[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1");
      let answer = "";
      socket.on("data", (data) => {
        answer += data;
        if (answer.includes('"meta"')) socket.destroy();
      });
      socket.once("close", () => resolve(answer));
      socket.once("error", reject);
      socket.once("connect", async () => {
        for (const part of parts) {
          if (typeof part === "number") await sleep(part);
          else if (!socket.destroyed) socket.write(part);
        }
      });
    });
  }
  const rawHeaders = (headers: [string, string][]) =>
    headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const startOf = (url: string, headers: [string, string][]) => {
    const { pathname, search } = new URL(url);
    return `POST ${pathname}${search} HTTP/1.1\r\nHost: x\r\n${rawHeaders(headers)}`;
  };
  const whole = ({ url, headers, body }: OutgoingWebhook, more: [string, string][] = []) =>
    `${startOf(url, [...Object.entries(headers), ...more])}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  const status = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);

  it("headers that come twice prove nothing more than once", async () => {
    const signed = webhook(resendSender, await main.expectOf(resendSender));
    const told = webhook(instantlySender, await main.expectOf(instantlySender));
    const wrong: OutgoingWebhook = { ...told, headers: { ...told.headers, Authorization: "Bearer guessed" } };
    const right = ["Authorization", told.headers.Authorization] as [string, string];
    expect(status(await talk(whole(signed, [["svix-id", signed.headers["svix-id"] as string]])))).toBe(401);
    expect(status(await talk(whole(signed, [["svix-timestamp", "1"]])))).toBe(401);
    expect(status(await talk(whole(wrong, [right])))).toBe(401);
    expect(status(await talk(whole(signed)))).toBe(200);
  });

  it("an oversized body is refused, also when its length is not told", async () => {
    const { url } = await main.expectOf(timelinesaiSender);
    const announced = `${startOf(url, [["Content-Length", "999999999"]])}\r\n`;
    expect(status(await talk(announced))).toBe(413);
    const piece = `1000\r\n${"x".repeat(4_096)}\r\n`;
    const streamed = `${startOf(url, [["Transfer-Encoding", "chunked"]])}\r\n${piece}${piece}${piece}`;
    expect(status(await talk(streamed))).toBe(413);
    expect(await stored()).toBe(0);
  });

  it("a body that does not end is not waited for, and holds nobody up", async () => {
    const setup = await main.expectOf(timelinesaiSender);
    const slow = talk(`${startOf(setup.url, [["Content-Length", "100"]])}\r\n{`, 400, '"a":', 400, "1");
    expect(status(await talk(whole(webhook(timelinesaiSender, setup))))).toBe(200);
    expect(status(await slow)).toBe(408);
  });

  it("a compressed body is bytes like any other: nothing is unpacked", async () => {
    const setup = await main.expectOf(timelinesaiSender);
    const sent = webhook(timelinesaiSender, setup);
    const answer = await talk(whole({ ...sent, body: "\u001f\u008b" }, [["Content-Encoding", "gzip"]]));
    expect(status(answer)).toBe(200);
    await main.work();
    expect(await main.query("SELECT problem FROM webhook_deliveries")).toEqual([
      { problem: "The body is not JSON." },
    ]);
  });
});
