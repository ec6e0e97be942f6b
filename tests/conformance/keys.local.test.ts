import { serve as listen } from "@hono/node-server";
import { Hono } from "hono";
import { Inngest } from "inngest";
import { serve } from "inngest/hono";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hashSigningKey } from "#infra/engine/protocol/signing.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { type EngineProcess, EVENT_KEY, startEngineProcess } from "./support/engine-process.ts";
import { until } from "./support/world.ts";

const OLD = "signkey-test-00112233";
const NEW = "signkey-test-44556677";

const silent = (): void => {};

/** An app with one function, on a port of its own. */
async function startApp(options: { baseUrl: string; isDev?: boolean; keys?: [string, string?] }) {
  const id = `app-${Math.random().toString(36).slice(2, 8)}`;
  const client = new Inngest({
    id,
    baseUrl: options.baseUrl,
    isDev: options.isDev ?? false,
    eventKey: EVENT_KEY,
    logger: { info: silent, warn: silent, error: silent, debug: silent },
    ...(options.keys ? { signingKey: options.keys[0], signingKeyFallback: options.keys[1] } : {}),
  });
  const fn = client.createFunction({ id: "f", triggers: [{ event: `${id}/go` }] }, async ({ step }) => {
    return await step.run("only", () => id);
  });
  const app = new Hono();
  app.on(["GET", "POST", "PUT"], "/api/inngest", serve({ client, functions: [fn] }));
  const server = await new Promise<{ close: () => void; url: string }>((resolve) => {
    const http = listen({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) =>
      resolve({ close: () => http.close(), url: `http://127.0.0.1:${port}/api/inngest` }),
    );
  });
  return { id, client, ...server, sync: () => fetch(server.url, { method: "PUT" }) };
}

describe.skipIf(Boolean(process.env.INNGEST_BASE_URL))("keys", () => {
  let database: TestDatabase;
  let engine: EngineProcess;
  const start = async (env: Record<string, string>) => {
    database = await createTestDatabase({ migrate: false });
    engine = await startEngineProcess(database.url, { env });
  };
  const stop = async () => {
    await engine?.kill("SIGKILL");
    await database?.drop();
  };
  const ran = async (app: { client: Inngest; id: string }, bearer?: string) => {
    const { ids } = await app.client.send({ name: `${app.id}/go`, data: {} });
    return await until(
      async () => {
        const headers: Record<string, string> = bearer
          ? { authorization: `Bearer ${hashSigningKey(bearer)}` }
          : {};
        const answer = await fetch(`${engine.url}/v1/events/${ids[0]}/runs`, { headers });
        const run = ((await answer.json()) as { data: { status: string; output: unknown }[] }).data[0];
        return run && run.status !== "Running" ? run : null;
      },
      15_000,
      () => "the run",
    );
  };

  describe("while they are rotated", () => {
    beforeAll(() => start({ INNGEST_SIGNING_KEY: NEW, INNGEST_SIGNING_KEY_FALLBACK: OLD }));
    afterAll(stop);

    test.each<[string, [string, string?]]>([
      ["the old key only", [OLD]],
      ["the new key only", [NEW]],
      ["the new key and the old as fallback", [NEW, OLD]],
      ["the old key and the new as fallback", [OLD, NEW]],
      ["a key that the engine does not know, and the old as fallback", ["signkey-test-99999999", OLD]],
    ])("an app with %s is synced, called and believed", async (_what, keys) => {
      const app = await startApp({ baseUrl: engine.url, keys });
      expect((await app.sync()).status).toBe(200);
      expect(await ran(app, NEW)).toMatchObject({ status: "Completed", output: app.id });
      app.close();
    });

    test("an app with a key that the engine does not know is refused", async () => {
      const app = await startApp({ baseUrl: engine.url, keys: ["signkey-test-99999999"] });
      expect((await app.sync()).status).not.toBe(200);
      app.close();
    });

    test("the engine asks an app for its functions: in-band sync, with either key", async () => {
      for (const key of [NEW, OLD]) {
        const app = await startApp({ baseUrl: engine.url, keys: [key] });
        const answer = await fetch(`${engine.url}/v1/apps/sync`, {
          method: "POST",
          headers: { authorization: `Bearer ${hashSigningKey(NEW)}` },
          body: JSON.stringify({ url: app.url }),
        });
        expect([answer.status, await answer.json()]).toMatchObject([200, { data: { modified: true } }]);
        expect(await ran(app, NEW)).toMatchObject({ status: "Completed", output: app.id });
        app.close();
      }
    });

    test.each([
      ["an app that is not there", "http://127.0.0.1:1/api/inngest", /cannot be reached/],
      ["no URL", "nonsense", /not valid/],
    ])("the in-band sync of %s is refused in a sentence", async (_what, url, sentence) => {
      const answer = await fetch(`${engine.url}/v1/apps/sync`, {
        method: "POST",
        headers: { authorization: `Bearer ${hashSigningKey(NEW)}` },
        body: JSON.stringify({ url }),
      });
      expect(answer.status).toBe(400);
      expect(((await answer.json()) as { error: string }).error).toMatch(sentence);
    });

    test.each([
      "/dev",
      "/metrics",
      "/v1/events",
      "/v1/functions",
      "/v1/bulk",
      "/v0/runs/x/actions",
      "/v1/apps/x/functions",
    ])("%s is shut without a key", async (path) => {
      expect((await fetch(engine.url + path)).status).toBe(401);
    });
  });

  describe("in dev mode", () => {
    beforeAll(() => start({ INNGEST_SIGNING_KEY: "", INNGEST_EVENT_KEY: "" }));
    afterAll(stop);

    test("the SDK in dev mode needs no keys", async () => {
      const app = await startApp({ baseUrl: engine.url, isDev: true });
      expect((await app.sync()).status).toBe(200);
      expect(await ran(app)).toMatchObject({ status: "Completed", output: app.id });
      const dev = (await (await fetch(`${engine.url}/dev`)).json()) as Record<string, unknown>;
      expect(dev).toMatchObject({ authed: false, isMissingSigningKey: true });
      app.close();
    });

    test("the page needs no sign-in, but a web page from elsewhere reaches nothing", async () => {
      expect((await fetch(engine.url)).status).toBe(200);
      const headers = { origin: "https://evil.example" };
      for (const path of ["/v1/bulk", "/e/any", "/fn/register"])
        expect((await fetch(engine.url + path, { method: "POST", headers, body: "{}" })).status).toBe(403);
    });
  });
});
