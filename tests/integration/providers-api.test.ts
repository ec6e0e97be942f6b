/** The API of providers, budgets and unknown calls, against Hunter's simulator over HTTP. */
import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { simulatedCompany } from "#infra/simulator/company.ts";
import { loadSimulatorConfig } from "#infra/simulator/config.ts";
import { hunterSimulator } from "#infra/simulator/hunter/app.ts";
import { type RunningSimulator, startSimulator } from "#infra/simulator/server.ts";
import { closeDeps, createDeps, type Deps } from "#src/deps.ts";
import { createApp } from "#src/http/app.ts";
import { HUNTER_CREDIT_MICROS } from "#src/providers/hunter/provider.ts";
import { testConfig } from "#tests/support/config.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { createContext } from "#tests/support/gateways.ts";
import { asService } from "#tests/support/secret-keys.ts";

let database: TestDatabase;
let owner: pg.Client;
let simulator: RunningSimulator;
let deps: Deps;
let app: ReturnType<typeof createApp>;

beforeAll(async () => {
  database = await createTestDatabase({ migrate: true });
  owner = new pg.Client({ connectionString: database.url });
  await owner.connect();
  const quick = {
    SIMULATOR_HUNTER_LATENCY_MS: "10",
    SIMULATOR_HUNTER_JITTER_MS: "0",
    SIMULATOR_HUNTER_LIMITED: "0",
  };
  simulator = await startSimulator(loadSimulatorConfig(quick));
  const config = testConfig(database.url, {
    PROVIDER_LIMITS: "off",
    ...hunterSimulator.create().env(`${simulator.url}/hunter`),
  });
  deps = createDeps(config);
  const plan = { fields: [], stages: [], maxOutstanding: new Map() };
  app = createApp(deps, {
    functions: [],
    plan,
    sources: new Map(),
    isSynced: () => true,
    metricsText: async () => "",
  });
});
afterAll(async () => {
  await closeDeps(deps);
  await simulator.stop();
  await owner.end();
  await database.drop();
});
beforeEach(async () => {
  await owner.query("TRUNCATE snapshots, provider_calls, budgets, budget_limits CASCADE");
  await deps.providerRuntimes.find(({ slug }) => slug === "hunter")?.block.clear();
  simulator.providers.get("hunter")?.configure({ resetEvery: 0, spent: 0 });
});

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at part by part
async function request(method: string, path: string, body?: unknown): Promise<{ status: number; body: any }> {
  const headers = { ...asService, "content-type": "application/json" };
  const init = body ? { body: JSON.stringify(body) } : {};
  const response = await app.request(`/api/v1${path}`, { method, headers, ...init });
  return { status: response.status, body: await response.json() };
}

let cui = 20_000_000;
/** Asks Hunter about domains that nobody has asked about yet. */
async function ask(count: number) {
  const lookups: { prospectId: string; subject: string }[] = [];
  while (lookups.length < count) {
    const { domain } = simulatedCompany(cui++);
    if (domain) lookups.push({ prospectId: randomUUID(), subject: domain });
  }
  const context = await createContext(deps.db);
  return deps.providers.hunter?.domainSearch.lookup(context, lookups);
}

const hunterOf = async () => {
  const { body } = await request("GET", "/providers");
  return body.data.find(({ slug }: { slug: string }) => slug === "hunter");
};

describe("GET /providers", () => {
  it("shows every provider, and which are on", async () => {
    const { body } = await request("GET", "/providers");
    expect(body.data.map(({ slug }: { slug: string }) => slug)).toEqual(
      deps.providerRuntimes.map(({ slug }) => slug),
    );
    const on = Object.fromEntries(body.data.map(({ slug, on }: { slug: string; on: boolean }) => [slug, on]));
    expect(on).toMatchObject({ anaf: true, hunter: true, termene: false });
  });

  it("tells how a provider does: limits, breaker, calls, success, latency, cost per hit, budget left", async () => {
    await request("PUT", "/budgets", {
      limits: [{ provider: "hunter", period: "day", limitMicros: HUNTER_CREDIT_MICROS * 100 }],
    });
    const results = await ask(20);
    const found = [...(results?.values() ?? [])].filter(({ status }) => status === "found").length;
    expect(await hunterOf()).toMatchObject({
      breaker: "closed",
      blocked: null,
      limits: expect.arrayContaining([
        expect.objectContaining({
          name: "hunter-domain-search",
          now: expect.objectContaining({ waiting: 0 }),
        }),
      ]),
      budgetLeft: HUNTER_CREDIT_MICROS * (100 - found),
      last24h: {
        calls: 20,
        found,
        successPct: 100,
        costMicros: found * HUNTER_CREDIT_MICROS,
        costPerHitMicros: HUNTER_CREDIT_MICROS,
        medianLatencyMs: expect.any(Number),
      },
    });
  });

  it("shows until when the credit is spent; a check that succeeds lifts that", async () => {
    simulator.providers.get("hunter")?.configure({ spent: 1 });
    await ask(1);
    const { blocked } = await hunterOf();
    expect(blocked.reason).toBe("spent");
    expect(Date.parse(blocked.until)).toBeGreaterThan(Date.now());
    simulator.providers.get("hunter")?.configure({ spent: 0 });
    const { body } = await request("POST", "/providers/hunter/check");
    expect(body.data).toMatchObject({ slug: "hunter", healthy: true, error: null });
    expect(await hunterOf()).toMatchObject({ blocked: null });
  });

  it("says why a check cannot be made", async () => {
    expect(await request("POST", "/providers/termene/check")).toMatchObject({
      status: 409,
      body: { error: { code: "provider_off" } },
    });
    expect(await request("POST", "/providers/nobody/check")).toMatchObject({
      status: 404,
      body: { error: { code: "provider_not_found" } },
    });
  });
});

describe("/budgets", () => {
  it("sets, lists and lifts limits", async () => {
    const limits = [
      { provider: null, period: "total", limitMicros: 1_000_000 },
      { provider: "hunter", period: "total", limitMicros: HUNTER_CREDIT_MICROS },
    ];
    expect((await request("PUT", "/budgets", { limits })).status).toBe(200);
    const results = await ask(20);
    const statuses = [...(results?.values() ?? [])].map(({ status }) => status);
    expect(statuses.filter((status) => status === "found")).toHaveLength(1);
    expect(statuses).toContain("overBudget");
    const { body } = await request("GET", "/budgets");
    expect(body.data).toContainEqual({
      provider: "hunter",
      period: "total",
      limitMicros: HUNTER_CREDIT_MICROS,
      heldMicros: 0,
      spentMicros: HUNTER_CREDIT_MICROS,
      leftMicros: 0,
    });
    const lifted = await request("PUT", "/budgets", {
      limits: [{ provider: "hunter", period: "total", limitMicros: null }],
    });
    expect(lifted.body.data).toContainEqual(
      expect.objectContaining({ provider: "hunter", period: "total", limitMicros: null, leftMicros: null }),
    );
  });

  it("refuses providers that it does not know, and amounts that are none", async () => {
    const limit = { provider: "nobody", period: "day", limitMicros: 1 };
    expect(await request("PUT", "/budgets", { limits: [limit] })).toMatchObject({
      status: 422,
      body: { error: { code: "unknown_provider", field: "limits" } },
    });
    const negative = { provider: null, period: "day", limitMicros: -1 };
    expect((await request("PUT", "/budgets", { limits: [negative] })).status).toBe(422);
  });
});

describe("/provider-calls", () => {
  it("lists calls with an unknown outcome, and settles them by what a person has found out", async () => {
    simulator.providers.get("hunter")?.configure({ resetEvery: 1 });
    await ask(2);
    const { body } = await request("GET", "/provider-calls?status=unknown&limit=1");
    expect(body.data).toMatchObject([
      { provider: "hunter", operation: "domain-search", subjects: [expect.any(String)] },
    ]);
    const next = await request("GET", `/provider-calls?status=unknown&cursor=${body.meta.nextCursor}`);
    expect(next.body.data).toHaveLength(1);
    for (const { id } of [...body.data, ...next.body.data]) {
      const charged = { charged: true };
      expect((await request("POST", `/provider-calls/${id}/resolve`, charged)).status).toBe(200);
      expect((await request("POST", `/provider-calls/${id}/resolve`, charged)).status).toBe(404);
    }
    expect((await request("GET", "/provider-calls?status=unknown")).body.data).toEqual([]);
    const budgets = await request("GET", "/budgets");
    expect(budgets.body.data).toContainEqual({
      provider: null,
      period: "total",
      limitMicros: null,
      heldMicros: 0,
      spentMicros: 2 * HUNTER_CREDIT_MICROS,
      leftMicros: null,
    });
  });

  it("refuses what it cannot read", async () => {
    expect((await request("GET", "/provider-calls?status=settled")).status).toBe(422);
    expect((await request("POST", "/provider-calls/none/resolve", { charged: true })).status).toBe(404);
  });
});
