import type { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { simulatedCompany } from "#infra/simulator/company.ts";
import { listafirmeSimulator } from "#infra/simulator/listafirme/app.ts";
import { answerAlways, interceptProvider, requestContext } from "#tests/support/providers.ts";
import { createListafirmeClient, type ListafirmeClient, type ListafirmeClientOptions } from "./client.ts";
import { listafirme } from "./provider.ts";

const BASE_URL = "https://listafirme.test/listafirme";

// biome-ignore lint/suspicious/noExplicitAny: apps differ in their bindings
function ask(app: Hono<any>, options: Partial<ListafirmeClientOptions> = {}): ListafirmeClient {
  interceptProvider(app, { baseUrl: BASE_URL });
  return createListafirmeClient({
    baseUrl: BASE_URL,
    apiKey: "simulated-key",
    timeoutMs: 2_000,
    ...options,
  });
}

function start(behaviour: Record<string, number> = {}, options: Partial<ListafirmeClientOptions> = {}) {
  const simulator = listafirmeSimulator.create({ latencyMs: 0, jitterMs: 0, notFoundPct: 0, ...behaviour });
  return { simulator, client: ask(simulator.app, options) };
}

const companies = Array.from({ length: 50 }, (_, index) => simulatedCompany(90_000_001 + index));
/** A company that files statements, and one that does not. */
const CUI = companies.find(({ isSoleTrader }) => !isSoleTrader)?.cui ?? 0;
const SOLE_TRADER = companies.find(({ isSoleTrader }) => isSoleTrader)?.cui ?? 0;

describe("the client of listafirme.ro", () => {
  it("asks about a company, and learns what it cost", async () => {
    const { client, simulator } = start();
    const { turnoverRon, netResultRon, employees, debtsRon } = simulatedCompany(CUI);
    expect(await client.company(CUI)).toEqual({
      company: {
        status: expect.stringMatching(/^(functiune|insolventa|radiata)$/),
        statement: {
          financialYear: new Date().getFullYear() - 1,
          turnoverRon,
          netResultRon,
          employees,
          debtsRon,
        },
      },
      credits: 2,
    });
    expect(simulator.charges()).toEqual({ [CUI]: 40_000 });
  });

  it("pays less where less is known", async () => {
    const { client } = start();
    expect(await client.company(SOLE_TRADER)).toMatchObject({ company: { statement: null }, credits: 1 });
  });

  it("knows that a company is not there, at no charge", async () => {
    const { client, simulator } = start({ notFoundPct: 100 });
    expect(await client.company(CUI)).toBeNull();
    expect(simulator.charges()).toEqual({});
  });

  it("is told when it is too fast, in spite of the status", async () => {
    const { client } = start();
    const asking = Promise.allSettled(Array.from({ length: 11 }, (_, index) => client.company(CUI + index)));
    const refused = (await asking).filter(({ status }) => status === "rejected");
    expect(refused).toMatchObject([{ reason: { kind: "rate_limited", httpStatus: 200, retryAfterMs: 150 } }]);
  });

  it("is told when the credits are used up", async () => {
    const { client } = start({ credits: 2 });
    await client.company(CUI);
    await expect(client.company(CUI + 1)).rejects.toMatchObject({ kind: "spent", httpStatus: 200 });
  });

  it("is refused with a wrong key", async () => {
    const { client } = start({}, { apiKey: "wrong" });
    await expect(client.company(CUI)).rejects.toMatchObject({ kind: "unauthorized", httpStatus: 200 });
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
    ["an error that we do not know", '{"errorCode":"X","error":"?"}', 200, "rejected"],
    ["something else", "[]", 200, "bad_response"],
    ["another company", '{"TaxCode":"7","Status":"functiune","cost":"1"}', 200, "bad_response"],
    ["far too much", JSON.stringify({ TaxCode: String(CUI), x: "x".repeat(600_000) }), 200, "bad_response"],
    ["a firewall's word", '{"error":"blocked"}', 403, "unauthorized"],
    ["a plain 429", "", 429, "rate_limited"],
  ])("does not take %s for an answer", async (_, body, status, kind) => {
    await expect(ask(answerAlways(body, status)).company(CUI)).rejects.toMatchObject({ kind });
  });
});

describe("the provider", () => {
  function operation(simulator: ReturnType<typeof listafirmeSimulator.create>, creditMicros: number) {
    const connected = listafirme.connect({
      LISTAFIRME_BASE_URL: BASE_URL,
      LISTAFIRME_CREDIT_PRICE_MICROS: creditMicros,
      ...simulator.env(BASE_URL),
    });
    return connected?.company;
  }

  it("is off without a key", () => {
    const env = { LISTAFIRME_BASE_URL: BASE_URL, LISTAFIRME_CREDIT_PRICE_MICROS: 20_000 };
    expect(listafirme.connect(env)).toBeNull();
  });

  it("turns credits into micro-euros, never more than it holds back", async () => {
    const { simulator } = start({ creditMicros: 30_000 });
    const company = operation(simulator, 30_000);
    const answers = await company?.ask([{ cui: CUI }], requestContext());
    const { costMicros } = answers?.get(String(CUI)) ?? {};
    expect(costMicros).toBe(60_000);
    expect(simulator.charges()).toEqual({ [CUI]: costMicros });
    expect(company?.price.costMicros).toBeGreaterThanOrEqual(60_000);
  });

  it("takes what it holds back for the price, where the answer says none", async () => {
    const { simulator } = start();
    interceptProvider(answerAlways(`{"TaxCode":"${CUI}","Status":"functiune"}`), {
      baseUrl: BASE_URL,
    });
    const answers = await operation(simulator, 20_000)?.ask([{ cui: CUI }], requestContext());
    expect(answers?.get(String(CUI))).not.toHaveProperty("costMicros");
  });

  it("has a health check that costs nothing, and tells a wrong key", async () => {
    const { simulator } = start();
    const env = {
      LISTAFIRME_BASE_URL: BASE_URL,
      LISTAFIRME_CREDIT_PRICE_MICROS: 20_000,
      ...simulator.env(BASE_URL),
    };
    await listafirme.healthCheck?.(env, requestContext());
    expect(simulator.ledger()).toMatchObject({ calls: 1, charged: { micros: 0 } });
    const wrong = { ...env, LISTAFIRME_API_KEY: "wrong" };
    await expect(listafirme.healthCheck?.(wrong, requestContext())).rejects.toMatchObject({
      kind: "unauthorized",
    });
  });
});
