import { createDefer } from "inngest/experimental";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hashSigningKey } from "#infra/engine/protocol/signing.ts";
import { SIGNING_KEY, startEngineProcess } from "./support/engine-process.ts";
import { createWorld, type World } from "./support/world.ts";

describe.skipIf(Boolean(process.env.INNGEST_BASE_URL))("what the local engine refuses", () => {
  let world: World;

  beforeAll(async () => {
    world = await createWorld((client, name) => {
      const later = createDefer(client, { id: "later" }, async () => {});
      return [
        client.createFunction({ id: "infer", triggers: [{ event: name("infer") }] }, async ({ step }) => {
          const model = step.ai.models.openai({ model: "any", apiKey: "none" });
          await step.ai.infer("ask", { model, body: { messages: [] } });
        }),
        client.createFunction({ id: "fetch", triggers: [{ event: name("fetch") }] }, async ({ step }) => {
          await step.fetch("http://127.0.0.1:1/");
        }),
        client.createFunction(
          { id: "defer", triggers: [{ event: name("defer") }] },
          async ({ step, defer }) => {
            await step.run("first", () => 1);
            defer("later", { function: later, data: {} });
            return "done";
          },
        ),
        client.createFunction(
          { id: "odd-wait", triggers: [{ event: name("odd-wait") }] },
          async ({ step }) => {
            await step.waitForEvent("odd", { event: name("x"), if: "async.data ==", timeout: "5s" });
          },
        ),
        client.createFunction({ id: "fine", triggers: [{ event: name("fine") }] }, async () => "fine"),
      ];
    });
  });
  afterAll(() => world?.close());

  const register = async (functions: unknown[], bearer = hashSigningKey(SIGNING_KEY)) => {
    const answer = await fetch(new URL("/fn/register", world.baseUrl), {
      method: "POST",
      headers: { authorization: `Bearer ${bearer}` },
      body: JSON.stringify({
        url: "http://127.0.0.1:1/api/inngest",
        appName: "refused",
        sdk: "js:v4.24.0",
        functions,
      }),
    });
    const text = await answer.text();
    return { status: answer.status, text };
  };
  const fn = (more: Record<string, unknown>) => ({
    id: "refused-f",
    name: "f",
    triggers: [{ event: "refused/f" }],
    steps: {
      step: {
        id: "step",
        name: "step",
        runtime: { type: "http", url: "http://127.0.0.1:1/api/inngest?fnId=refused-f&stepId=step" },
      },
    },
    ...more,
  });

  test.each([
    ["a bad debounce", { debounce: { period: "soon" } }, /"refused-f": the option "debounce.period"/],
    ["a rate limit over days", { rateLimit: { limit: 1, period: "2d" } }, /"rateLimit.period"/],
    ["a bad singleton", { singleton: { mode: "queue" } }, /"singleton.mode"/],
    ["a bad cancelOn", { cancel: [{ event: "x", if: "event.data ==" }] }, /"cancelOn.if"/],
    ["a bad idempotency", { idempotency: "event.data.(" }, /"idempotency/],
    ["a bad timeout", { timeouts: { start: "later" } }, /"timeouts.start"/],
    [
      "a batch that is limited too",
      { batchEvents: { maxSize: 3, timeout: "2s" }, rateLimit: { limit: 1, period: "1m" } },
      /"batchEvents" cannot be combined with the option "rateLimit/,
    ],
    [
      "21 retries",
      { steps: { step: { ...fn({}).steps.step, retries: { attempts: 21 } } } },
      /retries.attempts/,
    ],
    ["defer", { triggers: [{ event: "inngest/deferred.schedule" }] }, /"defer"/],
    ["a bad cron", { triggers: [{ cron: "every day" }] }, /"cron" is not valid/],
    [
      "a bad expression",
      { triggers: [{ event: "x", expression: "event.data ==" }] },
      /"if" cannot be parsed/,
    ],
    ["a bad throttle", { throttle: { limit: 1, period: "soon" } }, /"throttle.period"/],
    ["three concurrency limits", { concurrency: [{ limit: 1 }, { limit: 1 }, { limit: 1 }] }, /"concurrency/],
  ])("%s is refused at sync, in a sentence that names it", async (_what, more, sentence) => {
    const answer = await register([fn(more)]);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text).error).toMatch(sentence);
  });

  test.each([
    ["infer", /"AIGateway".*not support/],
    ["fetch", /"Gateway".*not support/],
    ["defer", /"DeferAdd".*not support/],
    ["odd-wait", /waits with bad options/],
  ])("%s fails the run at once and says why", async (name, message) => {
    const [run] = await world.ended(await world.send(name));
    expect(run).toMatchObject({ status: "Failed", output: { message: expect.stringMatching(message) } });
    expect(await world.ended(await world.send("fine"))).toMatchObject([{ output: "fine" }]);
  });

  test("a sync without the signing key is refused", async () => {
    expect(await register([fn({})], "wrong")).toMatchObject({ status: 401, text: "Authentication failed\n" });
  });

  test("a sync body that is no such thing is refused in a sentence", async () => {
    expect((await register([{ id: 5 }])).status).toBe(400);
    expect((await register(["nonsense"])).status).toBe(400);
  });

  test.each([
    ["an unknown run", "GET", "/v1/runs/01AAAAAAAAAAAAAAAAAAAAAAAA", undefined, 404],
    ["an unknown run's state", "GET", "/v0/runs/01AAAAAAAAAAAAAAAAAAAAAAAA/actions", undefined, 404],
    ["an unknown run's events", "GET", "/v0/runs/01AAAAAAAAAAAAAAAAAAAAAAAA/batch", undefined, 404],
    ["an unknown event", "GET", "/v1/events/01AAAAAAAAAAAAAAAAAAAAAAAA", undefined, 404],
    ["an id that is none", "GET", "/v1/runs/%00", undefined, 400],
    ["a run to rerun that is none", "POST", "/v1/runs/nothing/rerun", "{}", 404],
    ["a function to pause that is none", "POST", "/v1/functions/nobody/pause", undefined, 404],
    ["a signal without a name", "POST", "/v1/signals", "{}", 400],
    ["a checkpoint of nothing", "POST", "/v1/checkpoint/x/async", "nonsense", 400],
    ["a checkpoint of another request", "POST", "/v1/checkpoint/x/async", '{"qi_id":"q","steps":[]}', 409],
    [
      "a cancellation of nobody's function",
      "POST",
      "/v1/cancellations",
      '{"app_id":"a","function_id":"b","started_before":"2026-01-01T00:00:00Z"}',
      404,
    ],
    ["a request that is too large", "POST", "/v1/signals", `"${"x".repeat(65 * 1024 * 1024)}"`, 413],
    ["an address that it does not have", "GET", "/v1/nothing", undefined, 404],
  ])("%s is answered clearly", async (_what, method, path, body, status) => {
    const answer = await fetch(new URL(path, world.baseUrl), {
      method,
      headers: { authorization: `Bearer ${hashSigningKey(SIGNING_KEY)}` },
      ...(body === undefined ? {} : { body }),
    });
    expect(answer.status).toBe(status);
    expect(((await answer.json()) as { error: string }).error).toMatch(/\w+ \w+/);
  });

  test("without keys the engine does not bind beyond this machine", async () => {
    const env = { INNGEST_SIGNING_KEY: "", INNGEST_EVENT_KEY: "", ENGINE_HOST: "0.0.0.0" };
    await expect(startEngineProcess("postgres://unused", { env })).rejects.toThrow(/loopback only/);
  });

  test("a bad environment is named in one sentence", async () => {
    await expect(startEngineProcess("", {})).rejects.toThrow(/ENGINE_DATABASE_URL/);
    await expect(
      startEngineProcess("postgres://x", { env: { INNGEST_SIGNING_KEY: "nothex" } }),
    ).rejects.toThrow(/hexadecimal/);
  });
});
