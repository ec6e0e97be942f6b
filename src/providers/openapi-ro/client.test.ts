import type { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { openapiRoSimulator } from "#infra/simulator/openapi-ro/app.ts";
import { answerAlways, interceptProvider, requestContext } from "#tests/support/providers.ts";
import { createOpenapiRoClient, type OpenapiRoClient, type OpenapiRoClientOptions } from "./client.ts";
import { openapiRo } from "./provider.ts";

const BASE_URL = "https://openapi.test/openapi-ro";
const CUI = 90_000_014;

// biome-ignore lint/suspicious/noExplicitAny: apps differ in their bindings
function ask(app: Hono<any>, options: Partial<OpenapiRoClientOptions> = {}): OpenapiRoClient {
  interceptProvider(app, { baseUrl: BASE_URL });
  return createOpenapiRoClient({ baseUrl: BASE_URL, apiKey: "simulated-key", timeoutMs: 2_000, ...options });
}

function start(behaviour: Record<string, number> = {}, options: Partial<OpenapiRoClientOptions> = {}) {
  const simulator = openapiRoSimulator.create({ latencyMs: 0, jitterMs: 0, notFoundPct: 0, ...behaviour });
  return { simulator, client: ask(simulator.app, options) };
}

describe("the client of openapi.ro", () => {
  it("asks about a company", async () => {
    const { client, simulator } = start();
    expect(await client.company(CUI)).toEqual({
      name: expect.stringMatching(/^[^şţŞŢ]+$/),
      county: expect.any(String),
      registrationState: expect.stringMatching(/ din data /),
      deregistered: expect.any(Boolean),
    });
    expect(simulator.charges()).toEqual({});
  });

  it("knows that a company is not there", async () => {
    const { client } = start({ notFoundPct: 100 });
    expect(await client.company(CUI)).toBeNull();
  });

  it("is told when it is too fast", async () => {
    const { client } = start();
    const asking = Promise.allSettled(Array.from({ length: 6 }, (_, index) => client.company(CUI + index)));
    const refused = (await asking).filter(({ status }) => status === "rejected");
    expect(refused).toMatchObject([{ reason: { kind: "rate_limited", retryAfterMs: 1_000 } }]);
  });

  it("is told when the month's requests are used up", async () => {
    const { client } = start({ quota: 1 });
    await client.company(CUI);
    await expect(client.company(CUI)).rejects.toMatchObject({ kind: "spent", httpStatus: 429 });
  });

  it.each([
    ["to come back next month", 429, { "retry-after": "864000" }],
    ["that payment is required", 402, {}],
  ])("is told %s", async (_, status, headers) => {
    const client = ask(answerAlways("{}", status, headers as Record<string, string>));
    await expect(client.company(CUI)).rejects.toMatchObject({ kind: "spent", httpStatus: status });
  });

  it("is refused with a wrong key", async () => {
    const { client } = start({}, { apiKey: "wrong" });
    await expect(client.company(CUI)).rejects.toMatchObject({ kind: "unauthorized", httpStatus: 403 });
  });

  it.each([
    ["a maintenance page", { htmlEvery: 1 }],
    ["a server error", { errorEvery: 1 }],
    ["a reset connection", { resetEvery: 1 }],
  ])("takes %s for an outage", async (_, behaviour) => {
    const { client } = start(behaviour);
    await expect(client.company(CUI)).rejects.toMatchObject({ kind: "unavailable" });
  });

  it("gives up an answer that is slow", async () => {
    const { client } = start({ slowEvery: 1, slowMs: 1_000 }, { timeoutMs: 50 });
    await expect(client.company(CUI)).rejects.toMatchObject({ kind: "unavailable" });
  });

  it.each([
    ["something else", "[]"],
    ["another company", '{"cif":"7","denumire":"ALTA SRL"}'],
    ["a flag that is none", `{"cif":"${CUI}","radiata":"poate"}`],
    ["far too much", JSON.stringify({ cif: CUI, adresa: "x".repeat(200_000) })],
  ])("does not take %s for an answer", async (_, body) => {
    await expect(ask(answerAlways(body)).company(CUI)).rejects.toMatchObject({ kind: "bad_response" });
  });

  it("has what is missing as null", async () => {
    expect(await ask(answerAlways(`{"cif":${CUI},"stare":" "}`)).company(CUI)).toEqual({
      name: null,
      county: null,
      registrationState: null,
      deregistered: null,
    });
  });
});

describe("the provider", () => {
  it("is off without a key, and on with that of the simulator", async () => {
    expect(openapiRo.connect({ OPENAPI_RO_BASE_URL: BASE_URL })).toBeNull();
    const { simulator } = start();
    const operation = openapiRo.connect({
      OPENAPI_RO_BASE_URL: BASE_URL,
      ...simulator.env(BASE_URL),
    })?.company;
    const answers = await operation?.ask([{ cui: CUI }], requestContext());
    expect(answers?.get(String(CUI))).toMatchObject({ status: "found" });
  });
});
