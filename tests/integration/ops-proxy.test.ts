/** The engine's dashboard through the app: against the real local engine, and against one that notes what it is sent. */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hashedSigningKey } from "#src/platform/operations/engine-key.ts";
import { SIGNING_KEY } from "#tests/conformance/support/engine-process.ts";
import { createWorld, type World } from "#tests/conformance/support/world.ts";
import { bearer, listen, makeUser, signInAs, startApi, type TestApi } from "#tests/support/api.ts";
import { asService } from "#tests/support/secret-keys.ts";
import { seedWorkspace } from "#tests/support/seed.ts";

interface Proxied {
  api: TestApi;
  url: string;
  close: () => Promise<void>;
}

async function startProxied(engineUrl: string, now?: () => Date): Promise<Proxied> {
  const env = { INNGEST_BASE_URL: engineUrl, INNGEST_SIGNING_KEY: SIGNING_KEY };
  const api = await startApi({ env, ...(now ? { now } : {}) });
  const { url, close } = await listen(api.app);
  return {
    api,
    url,
    close: async () => {
      await close();
      await api.stop();
    },
  };
}

const ask = (url: string, path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${url}/ops/inngest${path}`, { redirect: "manual", ...init });

/** The cookie that a session gives, as a browser would send it back. */
async function openDashboard(
  { api }: Proxied,
  headers: Record<string, string>,
): Promise<{ cookie: string; set: string }> {
  const { status, headers: answered } = await api.request("POST", "/operations/dashboard-session", {
    headers,
  });
  expect(status).toBe(200);
  const set = answered.get("set-cookie") ?? "";
  return { set, cookie: set.split(";")[0] ?? "" };
}

describe.skipIf(Boolean(process.env.INNGEST_BASE_URL))("the local engine's dashboard", () => {
  let world: World;
  let proxied: Proxied;
  let time = new Date("2026-11-22T10:00:00Z");
  let slug: string;

  beforeAll(async () => {
    world = await createWorld((client, name) => [
      client.createFunction({ id: "shown", triggers: [{ event: name("shown") }] }, async ({ step }) =>
        step.run("greet", () => `href="/runs/x"`),
      ),
    ]);
    slug = `${world.name("").slice(0, -1)}-shown`;
    proxied = await startProxied(world.baseUrl, () => time);
  });
  afterAll(async () => {
    await proxied?.close();
    await world?.close();
  });

  const operator = async () => {
    const { id } = await makeUser(proxied.api, { role: "operator" });
    return signInAs(proxied.api, id);
  };

  it("is shown to operators of the installation's own workspace, and to nobody else", async () => {
    expect((await ask(proxied.url, "/")).status).toBe(401);
    expect((await ask(proxied.url, "/", { headers: bearer("nonsense") })).status).toBe(401);
    expect((await ask(proxied.url, "/", { headers: bearer((await operator()).accessToken) })).status).toBe(
      200,
    );
    expect((await ask(proxied.url, "/", { headers: asService })).status).toBe(200);

    const sales = await makeUser(proxied.api, { role: "sales" });
    const { accessToken } = await signInAs(proxied.api, sales.id);
    expect((await ask(proxied.url, "/", { headers: bearer(accessToken) })).status).toBe(403);

    const workspaceId = await seedWorkspace(proxied.api.database.url);
    const owner = await makeUser(proxied.api, { role: "owner", workspaceId });
    const elsewhere = bearer((await signInAs(proxied.api, owner.id)).accessToken);
    expect((await ask(proxied.url, "/", { headers: elsewhere })).status).toBe(403);
    const refused = await proxied.api.request("POST", "/operations/dashboard-session", {
      headers: elsewhere,
    });
    expect(refused.status).toBe(403);
  });

  it("opens to a browser by a cookie of a quarter of an hour, which ends with the session", async () => {
    const { accessToken } = await operator();
    const { cookie, set } = await openDashboard(proxied, bearer(accessToken));
    expect(set).toMatch(/Max-Age=900; Path=\/ops; HttpOnly; SameSite=Strict/);
    const look = (value: string) => ask(proxied.url, "/", { headers: { cookie: value } });
    expect((await look(cookie)).status).toBe(200);

    const [said = "", mac = ""] = cookie.split("=")[1]?.split(".") ?? [];
    const claims = JSON.parse(Buffer.from(said, "base64url").toString());
    const forged = Buffer.from(JSON.stringify({ ...claims, kind: "service" })).toString("base64url");
    expect((await look(`cerniq_ops=${forged}.${mac}`)).status).toBe(401);
    expect((await look("cerniq_ops=.")).status).toBe(401);

    const service = await openDashboard(proxied, asService);
    time = new Date(time.getTime() + 14 * 60_000);
    expect((await look(service.cookie)).status).toBe(200);
    time = new Date(time.getTime() + 2 * 60_000);
    expect((await look(service.cookie)).status).toBe(401);

    const fresh = await operator();
    const { cookie: ended } = await openDashboard(proxied, bearer(fresh.accessToken));
    expect((await look(ended)).status).toBe(200);
    const out = await proxied.api.request("POST", "/auth/sign-out", { headers: bearer(fresh.accessToken) });
    expect(out.status).toBe(200);
    expect((await look(ended)).status).toBe(401);
  });

  it("works beneath its prefix: links, forms, redirects, a run's page, the API", async () => {
    const [run] = await world.ended(await world.send("shown"));
    const { cookie } = await openDashboard(proxied, asService);
    const headers = { cookie };
    const front = await (await ask(proxied.url, "/", { headers })).text();
    expect(front).toContain(`href="/ops/inngest/runs/${run?.run_id}"`);
    expect(front).toContain(`action="/ops/inngest/functions/${slug}/pause"`);
    expect(front).not.toMatch(/ (?:href|action)="\/(?!ops\/inngest\/)/);

    const page = await ask(proxied.url, `/runs/${run?.run_id}`, { headers });
    expect(page.status).toBe(200);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    // What a step has answered is shown as it is.
    expect(await page.text()).toContain("href=\\&quot;/runs/x\\&quot;");

    const found = await ask(proxied.url, `/?search=${run?.run_id}`, { headers });
    expect(found.headers.get("location")).toBe(`/ops/inngest/runs/${run?.run_id}`);
    const functions = await ask(proxied.url, "/v1/functions", { headers });
    expect(await functions.json()).toMatchObject({ data: [{ id: slug, paused: false }] });
  });

  it("does what its forms ask, when they are its own, and leaves it in the audit trail", async () => {
    const { cookie } = await openDashboard(proxied, asService);
    const pause = (headers: Record<string, string>) =>
      ask(proxied.url, `/functions/${slug}/pause`, {
        method: "POST",
        headers: { cookie, ...headers },
        body: new URLSearchParams(),
      });
    const isPaused = async () =>
      ((await world.get("/v1/functions")).body as { data: { paused: boolean }[] }).data[0]?.paused;

    for (const headers of [{}, { origin: "https://evil.example" }, { origin: "null" }] as Record<
      string,
      string
    >[])
      expect((await pause(headers)).status).toBe(403);
    expect(await isPaused()).toBe(false);

    const done = await pause({ origin: proxied.url });
    expect([done.status, done.headers.get("location")]).toEqual([303, "/ops/inngest/"]);
    expect(await isPaused()).toBe(true);
    const { body } = await proxied.api.request("GET", "/audit?action=engine.operated", {
      headers: asService,
    });
    expect(body.data).toMatchObject([{ action: "engine.operated", actor: { kind: "service" } }]);
  });

  it.each([
    ...["/e/deadbeef", "/fn/register", "/sign-in", "/metrics", "/dev", "/v0/gql", "/health"],
    ...["/v1/%2e%2e/e/deadbeef", "/runs/..%2f..%2fe", "/v1/..%5ce", "//evil.example/", "/runs/a/b/c"],
  ])("has nothing at %s", async (path) => {
    expect((await ask(proxied.url, path, { headers: asService })).status).toBe(404);
  });
});

describe("what passes the proxy", () => {
  let engine: Server;
  let proxied: Proxied;
  let heard: {
    method: string | undefined;
    url: string | undefined;
    headers: IncomingHttpHeaders;
    body: string;
  }[];
  const goOn = Promise.withResolvers<void>();

  beforeAll(async () => {
    heard = [];
    engine = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      heard.push({ method: request.method, url: request.url, headers: request.headers, body });
      if (request.url === "/v1/leave") response.writeHead(302, { location: "https://evil.example/x" }).end();
      else if (request.url === "/v1/stream") {
        response.writeHead(200, {
          "content-type": "text/event-stream",
          "set-cookie": "a=b",
          "x-powered-by": "it",
        });
        response.write("data: 1\n\n");
        await goOn.promise;
        response.end("data: 2\n\n");
      } else response.end("{}");
    }).listen(0, "127.0.0.1");
    await once(engine, "listening");
    proxied = await startProxied(`http://127.0.0.1:${(engine.address() as AddressInfo).port}`);
  });
  afterAll(async () => {
    await proxied.close();
    engine.closeAllConnections();
    engine.close();
  });

  it("is the request without our credentials, with the engine's own", async () => {
    const headers = {
      ...asService,
      cookie: "cerniq_ops=x; other=y",
      "x-forwarded-for": "1.2.3.4",
      accept: "text/x",
    };
    await ask(proxied.url, "/v1/runs/r1/cancel?a=1", { method: "POST", headers, body: "hello" });
    const { method, url, headers: sent, body } = heard.at(-1) ?? { headers: {} as IncomingHttpHeaders };
    expect({ method, url, body }).toEqual({ method: "POST", url: "/v1/runs/r1/cancel?a=1", body: "hello" });
    expect(sent.authorization).toBe(`Bearer ${hashedSigningKey(SIGNING_KEY)}`);
    expect(sent.accept).toBe("text/x");
    for (const name of ["cookie", "x-service-key", "x-forwarded-for"]) expect(sent[name]).toBeUndefined();
  });

  it("is the answer as it comes, without cookies; and no way out", async () => {
    const answer = await ask(proxied.url, "/v1/stream", { headers: asService });
    expect(answer.headers.get("set-cookie")).toBeNull();
    expect(answer.headers.get("x-powered-by")).toBeNull();
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    const first = await reader.read();
    expect(new TextDecoder().decode(first.value)).toBe("data: 1\n\n");
    goOn.resolve();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("data: 2\n\n");

    const left = await ask(proxied.url, "/v1/leave", { headers: asService });
    expect(left.headers.get("location")).toBe("/ops/inngest/");
  });
});
