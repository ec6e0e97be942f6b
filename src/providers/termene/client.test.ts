import type { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { simulatedCompany } from "#infra/simulator/company.ts";
import { termeneSimulator } from "#infra/simulator/termene/app.ts";
import { answerAlways, interceptProvider, requestContext } from "#tests/support/providers.ts";
import { createTermeneClient, type TermeneClient, type TermeneClientOptions } from "./client.ts";
import { PRICE_MICROS, termene } from "./provider.ts";

const BASE_URL = "https://termene.test/termene";
const KEYS = {
  username: "simulated-user",
  password: "simulated-password",
  schemaKey: "simulated-schema-key",
};

// biome-ignore lint/suspicious/noExplicitAny: apps differ in their bindings
function ask(app: Hono<any>, options: Partial<TermeneClientOptions> = {}): TermeneClient {
  interceptProvider(app, { baseUrl: BASE_URL });
  return createTermeneClient({ baseUrl: BASE_URL, timeoutMs: 2_000, ...KEYS, ...options });
}

function start(behaviour: Record<string, number> = {}, options: Partial<TermeneClientOptions> = {}) {
  const simulator = termeneSimulator.create({ latencyMs: 0, jitterMs: 0, notFoundPct: 0, ...behaviour });
  return { simulator, client: ask(simulator.app, options) };
}

/** A company that files statements. */
const CUI = Array.from({ length: 50 }, (_, index) => 90_000_001 + index).find(
  (cui) => !simulatedCompany(cui).isSoleTrader,
) as number;

describe("the client of termene.ro", () => {
  it("asks about a company, and pays for it", async () => {
    const { client, simulator } = start();
    const { turnoverRon, netResultRon, employees, courtCases, taxDebtsRon } = simulatedCompany(CUI);
    expect(await client.company(CUI)).toMatchObject({
      name: expect.stringMatching(/^[^şţŞŢ]+$/),
      caen: expect.stringMatching(/^\d{4}$/),
      statement: { financialYear: new Date().getFullYear() - 1, turnoverRon, netResultRon, employees },
      mark: expect.any(Number),
      hasTaxDebts: taxDebtsRon > 0,
      taxDebtsRon,
      courtCases,
    });
    expect(simulator.charges()).toEqual({ [CUI]: PRICE_MICROS });
  });

  it("knows that a company is not there, at no charge", async () => {
    const { client, simulator } = start({ notFoundPct: 100 });
    expect(await client.company(CUI)).toBeNull();
    expect(simulator.charges()).toEqual({});
  });

  it("is told when it is too fast", async () => {
    const { client } = start();
    const asking = Promise.allSettled(Array.from({ length: 21 }, (_, index) => client.company(CUI + index)));
    const refused = (await asking).filter(({ status }) => status === "rejected");
    expect(refused).toMatchObject([{ reason: { kind: "rate_limited", httpStatus: 429 } }]);
  });

  it("is told when the subscription is used up", async () => {
    const { client } = start({ quota: 1 });
    await client.company(CUI);
    await expect(client.company(CUI + 1)).rejects.toMatchObject({ kind: "spent", httpStatus: 402 });
  });

  it.each([
    ["password", { password: "wrong" }, 401],
    ["schema key", { schemaKey: "wrong" }, 403],
  ])("is refused with a wrong %s", async (_, options, httpStatus) => {
    const { client } = start({}, options);
    await expect(client.company(CUI)).rejects.toMatchObject({ kind: "unauthorized", httpStatus });
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
    ["a refusal", '{"errors":{"message":"Schema invalida"}}', "rejected"],
    ["something else", "[]", "bad_response"],
    ["another company", '{"firma":{"cui":7,"nume_recom":"ALTA SRL"}}', "bad_response"],
    ["far too much", JSON.stringify({ firma: { cui: CUI }, x: "x".repeat(5_000_000) }), "bad_response"],
  ])("does not take %s for an answer", async (_, body, kind) => {
    await expect(ask(answerAlways(body)).company(CUI)).rejects.toMatchObject({ kind, httpStatus: 200 });
  });
});

describe("the provider", () => {
  it("is off without credentials, and on with those of the simulator", async () => {
    const off = termene.connect({ TERMENE_BASE_URL: BASE_URL, TERMENE_USERNAME: "only this" });
    expect(off).toBeNull();
    const { simulator } = start();
    const operation = termene.connect({ TERMENE_BASE_URL: BASE_URL, ...simulator.env(BASE_URL) })?.company;
    const answers = await operation?.ask([{ cui: CUI }], requestContext());
    expect(answers?.get(String(CUI))).toMatchObject({ status: "found" });
  });

  it("has a health check that costs nothing, and tells a wrong key", async () => {
    const { simulator } = start();
    const env = { TERMENE_BASE_URL: BASE_URL, ...simulator.env(BASE_URL) };
    await termene.healthCheck?.(env, requestContext());
    expect(simulator.ledger()).toMatchObject({ calls: 1, charged: { micros: 0 } });
    const wrong = { ...env, TERMENE_PASSWORD: "wrong" };
    await expect(termene.healthCheck?.(wrong, requestContext())).rejects.toMatchObject({
      kind: "unauthorized",
    });
  });
});
