import type { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { anafBilantSimulator } from "#infra/simulator/anaf-bilant/app.ts";
import { figuresOf } from "#infra/simulator/anaf-bilant/statement.ts";
import { simulatedCompany } from "#infra/simulator/company.ts";
import { answerAlways, interceptProvider } from "#tests/support/providers.ts";
import { type AnafBilantClient, createAnafBilantClient } from "./client.ts";

// biome-ignore lint/suspicious/noExplicitAny: apps differ in their bindings
function ask(app: Hono<any>, { timeoutMs = 2_000 } = {}): AnafBilantClient {
  const { baseUrl } = interceptProvider(app, { baseUrl: "https://bilant.test/anaf-bilant" });
  return createAnafBilantClient({ baseUrl, timeoutMs });
}

function start(behaviour: Record<string, number> = {}) {
  const simulator = anafBilantSimulator.create({
    latencyMs: 0,
    jitterMs: 0,
    limited: 0,
    notFiledPct: 0,
    ...behaviour,
  });
  return { simulator, client: ask(simulator.app) };
}

const LAST_YEAR = new Date().getFullYear() - 1;
const companies = Array.from({ length: 60 }, (_, index) => simulatedCompany(90_000_001 + index));

describe("the client of ANAF's financial statements", () => {
  it("reads figures by their labels, however these are written and in whatever order", async () => {
    const { client } = start();
    const filing = companies.filter(({ isSoleTrader }) => !isSoleTrader);
    const statements = await Promise.all(filing.map(({ cui }) => client.statement(cui, LAST_YEAR)));
    const read = statements.filter((statement) => statement?.turnoverRon != null);
    // The others are associations, whose statements have another layout.
    expect(read.length).toBeGreaterThan(filing.length * 0.9);
    for (const statement of read) {
      expect(statement).toMatchObject({
        financialYear: LAST_YEAR,
        ...figuresOf(simulatedCompany(statement?.cui ?? 0), LAST_YEAR),
        caen: expect.stringMatching(/^\d{4}$/),
      });
    }
    expect(read.some((statement) => (statement?.netResultRon ?? 0) < 0)).toBe(true);
  });

  it("takes an empty list, 404 and no body at all for nothing filed", async () => {
    const { client, simulator } = start({ notFiledPct: 100 });
    const statements = await Promise.all(companies.map(({ cui }) => client.statement(cui, LAST_YEAR)));
    expect(new Set(statements)).toEqual(new Set([null]));
    expect(simulator.ledger()).toMatchObject({ calls: 60, notFiled: 60 });
  });

  it("is never taken for a program, which would be told that nothing was filed", async () => {
    const { client, simulator } = start();
    await client.statement(companies[0]?.cui ?? 0, LAST_YEAR);
    expect(simulator.ledger()).not.toHaveProperty("takenForBots");
    const bot = await simulator.app.request(`/bilant?an=${LAST_YEAR}&cui=${companies[0]?.cui}`, {
      headers: { "user-agent": "node" },
    });
    expect(await bot.json()).toMatchObject({ i: [] });
    expect(simulator.ledger()).toMatchObject({ takenForBots: 1 });
  });

  it("is told when it is too fast", async () => {
    const { client } = start({ limited: 1 });
    await client.statement(90_000_001, LAST_YEAR);
    await expect(client.statement(90_000_002, LAST_YEAR)).rejects.toMatchObject({ kind: "rate_limited" });
  });

  it.each([
    ["a maintenance page", { htmlEvery: 1 }],
    ["a server error", { errorEvery: 1 }],
    ["a reset connection", { resetEvery: 1 }],
  ])("takes %s for an outage", async (_, behaviour) => {
    const { client } = start(behaviour);
    await expect(client.statement(90_000_001, LAST_YEAR)).rejects.toMatchObject({ kind: "unavailable" });
  });

  it("gives up an answer that is slow", async () => {
    const simulator = anafBilantSimulator.create({ limited: 0, slowEvery: 1, slowMs: 1_000 });
    const client = ask(simulator.app, { timeoutMs: 50 });
    await expect(client.statement(90_000_001, LAST_YEAR)).rejects.toMatchObject({ kind: "unavailable" });
  });

  it.each([
    ["a request that it cannot read", '{"message":"an?"}', 400, "rejected"],
    ["a key that it does not ask for", '{"message":"no"}', 401, "unauthorized"],
    ["something else", '{"cod":200}', 200, "bad_response"],
    ["another company", `{"an":${LAST_YEAR},"cui":7,"i":[${figure()}]}`, 200, "bad_response"],
    ["another year", `{"an":2001,"cui":90000001,"i":[${figure()}]}`, 200, "bad_response"],
    ["far too much", JSON.stringify({ i: "x".repeat(300_000) }), 200, "bad_response"],
    // The path may have moved: not a word on this company.
    ["a page that is not there", "<html>404</html>", 404, "unavailable"],
  ])("does not take %s for a statement", async (_, body, status, kind) => {
    const client = ask(answerAlways(body, status));
    await expect(client.statement(90_000_001, LAST_YEAR)).rejects.toMatchObject({ kind, httpStatus: status });
  });
});

function figure(): string {
  return '{"indicator":"I13","val_indicator":1,"val_den_indicator":"Cifra de afaceri neta"}';
}
