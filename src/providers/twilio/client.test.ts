import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import type { Simulator } from "#infra/simulator/kit.ts";
import { TWILIO_SECRET, TWILIO_SID, twilioSimulator } from "#infra/simulator/twilio/app.ts";
import { interceptProvider } from "#tests/support/providers.ts";
import { hashedKey } from "../subject-key.ts";
import { createTwilioClient, type TwilioClient } from "./client.ts";
import { TWILIO_LOOKUP_MICROS, twilio } from "./provider.ts";
import { readLine } from "./schemas.ts";

function start(
  behaviour: Record<string, number> = {},
  apiKeySecret = TWILIO_SECRET,
): { client: TwilioClient; simulator: Simulator } {
  const simulator = twilioSimulator.create({ latencyMs: 0, jitterMs: 0, failedPct: 0, ...behaviour });
  const intercepted = interceptProvider(simulator.app, { baseUrl: "https://twilio.test" });
  const client = createTwilioClient({
    baseUrl: intercepted.baseUrl,
    apiKeySid: TWILIO_SID,
    apiKeySecret,
    timeoutMs: 1_000,
  });
  return { client, simulator };
}

const MOBILE = "+40722123456";
const SWITCHBOARD = "+40372123456";

describe("the client of Twilio Lookup", () => {
  it("tells the type of a line and its network, and pays for that", async () => {
    const { client, simulator } = start();
    expect(await client.lineType(MOBILE)).toMatchObject({ valid: true, type: "mobile", lookedUp: true });
    expect((await client.lineType(MOBILE)).carrier).toMatch(/^Exemplu /);
    expect(simulator.charges()).toEqual({ [hashedKey(MOBILE)]: 2 * TWILIO_LOOKUP_MICROS });
  });

  it("takes an invalid number, and one that cannot be, for answers, which are free", async () => {
    const { client, simulator } = start();
    const none = { valid: false, type: "unknown", carrier: null, lookedUp: false };
    expect(await client.lineType("+4072212345")).toEqual(none);
    expect(await client.lineType("0722")).toEqual(none);
    expect(simulator.charges()).toEqual({});
  });

  it("takes a look-up that failed within HTTP 200 for no type, and free", async () => {
    const { client, simulator } = start({ failedPct: 100 });
    expect(await client.lineType(MOBILE)).toEqual({
      valid: true,
      type: "unknown",
      carrier: null,
      lookedUp: false,
    });
    expect(simulator.charges()).toEqual({});
  });

  it("is told when too many are under way", async () => {
    const { client } = start({ concurrency: 1, latencyMs: 100 });
    const asked = await Promise.allSettled([client.lineType(MOBILE), client.lineType(SWITCHBOARD)]);
    const refused = asked.find(({ status }) => status === "rejected");
    expect(refused).toMatchObject({
      reason: { kind: "rate_limited", httpStatus: 429, detail: "code 20429", charged: false },
    });
  });

  it("knows a quota that is used up from a pace that is too fast", async () => {
    const { client } = start({ spent: 1 });
    await expect(client.lineType(MOBILE)).rejects.toMatchObject({ kind: "spent", detail: "code 60611" });
  });

  it("says when its key is wrong, and quotes neither key nor number", async () => {
    const { client } = start({}, "wrong-secret");
    const error = await client.lineType(MOBILE).catch((cause: Error) => cause as Error);
    expect(error).toMatchObject({ kind: "unauthorized", httpStatus: 401 });
    expect(String(error)).not.toMatch(/secret|40722/);
  });

  it.each([
    ["a server error", { errorEvery: 1 }, 500],
    ["a maintenance page", { htmlEvery: 1 }, 200],
    ["a broken connection", { resetEvery: 1 }, null],
    ["silence", { slowEvery: 1, slowMs: 2_500 }, null],
  ])("takes %s for an outage", async (_, behaviour, httpStatus) => {
    const { client } = start(behaviour);
    await expect(client.lineType(MOBILE)).rejects.toMatchObject({ kind: "unavailable", httpStatus });
  });

  it.each<[string, unknown]>([
    ["of another form", { message: "hello" }],
    ["that is huge", { valid: true, national_format: "x".repeat(100_000) }],
  ])("cannot read an answer %s", async (_, answer) => {
    const app = new Hono().all("*", (c) => c.json(answer as object));
    const intercepted = interceptProvider(app, { baseUrl: "https://twilio.test" });
    const client = createTwilioClient({ baseUrl: intercepted.baseUrl, apiKeySid: "x", apiKeySecret: "x" });
    await expect(client.lineType(MOBILE)).rejects.toMatchObject({ kind: "bad_response" });
  });
});

describe("an answer of Twilio", () => {
  it.each(["fixedVoip voip", "nonFixedVoip voip", "sharedCost shared_cost", "brandNew unknown", " unknown"])(
    "with type %s",
    (row) => {
      const [type, ours] = row.split(" ");
      const body = { valid: true, line_type_intelligence: { type, carrier_name: null, error_code: null } };
      expect(readLine(body)?.type).toBe(ours);
    },
  );

  it("that is something else is none", () => {
    for (const body of [null, [], {}, { valid: "yes" }, "x", { valid: true, line_type_intelligence: 3 }]) {
      expect(readLine(body)).toBeNull();
    }
  });
});

it("can be checked for free, and tells a wrong key", async () => {
  const { simulator } = start();
  const env = {
    TWILIO_BASE_URL: "https://twilio.test",
    TWILIO_API_KEY_SID: TWILIO_SID,
    TWILIO_API_KEY_SECRET: TWILIO_SECRET,
  };
  const context = { signal: AbortSignal.timeout(5_000) };
  await twilio.healthCheck?.(env, context);
  const wrong = twilio.healthCheck?.({ ...env, TWILIO_API_KEY_SECRET: "wrong" }, context);
  await expect(wrong).rejects.toMatchObject({ kind: "unauthorized" });
  expect(simulator.charges()).toEqual({});
});

it("is off without its credentials, and says what it asks about by a hash only", () => {
  const env = { TWILIO_BASE_URL: "https://twilio.test" };
  expect(twilio.connect(env)).toBeNull();
  expect(twilio.connect({ ...env, TWILIO_API_KEY_SID: "SK" })).toBeNull();
  const operations = twilio.connect({ ...env, TWILIO_API_KEY_SID: "SK", TWILIO_API_KEY_SECRET: "x" });
  expect(operations?.lineType.keyOf({ e164: MOBILE })).toMatch(/^[0-9a-f]{64}$/);
});
