import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { Db } from "#db/client.ts";
import { loadSimulatorConfig } from "#infra/simulator/config.ts";
import { type RunningSimulator, startSimulator } from "#infra/simulator/server.ts";
import { connectProviders } from "#src/platform/connect-providers.ts";
import { createLogger } from "#src/platform/logger.ts";
import { createRedis, type Redis } from "#src/platform/redis.ts";
import { anaf } from "#src/providers/anaf/provider.ts";
import { anafBilant } from "#src/providers/anaf-bilant/provider.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { eventually } from "#tests/support/eventually.ts";
import { createContext, openDb } from "#tests/support/gateways.ts";

let database: TestDatabase;
let simulator: RunningSimulator;
let db: Db;
let redis: Redis;

beforeAll(async () => {
  database = await createTestDatabase({ migrate: true });
  db = openDb(database.url);
  // ANAF's limit has one name: in a Redis database of its own, no other test's requests count.
  const url = new URL(inject("redisUrl"));
  url.pathname = "/9";
  redis = createRedis(url.href);
  simulator = await startSimulator(
    loadSimulatorConfig({ SIMULATOR_ANAF_OUTAGE_EVERY: "0", SIMULATOR_ANAF_MISSING_PCT: "0" }),
  );
});
afterAll(async () => {
  await simulator.stop();
  await Promise.all([db.$client.end(), redis.quit()]);
  await database.drop();
});

const BATCHES = 8;
const FIRST_IN_PLACE = 3;
const SECOND_MS = 1_000;
/** Of the limiter, between two requests. */
const MARGIN_MS = 50;
const LATENCY_MS = 2_000;

describe("ANAF's two services under one limit", () => {
  it("the one that answers for a hundred goes first, and the other takes what is left", async () => {
    const env = {
      ANAF_BASE_URL: `${simulator.url}/anaf`,
      ANAF_BILANT_BASE_URL: `${simulator.url}/anaf-bilant`,
    };
    const deps = { db, redis, logger: createLogger("silent"), now: () => new Date(), limited: true };
    // Two replicas, so that nothing but the limiter in Redis decides who goes first.
    const { taxpayers } = connectProviders(deps, { anaf, anafBilant }, env).gateways.anaf ?? {};
    const { statement } = connectProviders(deps, { anaf, anafBilant }, env).gateways.anafBilant ?? {};
    const bilant = () => simulator.providers.get("anaf-bilant")?.ledger() as { calls: number };
    const context = await createContext(db);

    const stop = new AbortController();
    const statementsFound = statement?.lookup(
      { ...context, signal: stop.signal },
      Array.from({ length: 100 }, (_, index) => ({
        prospectId: randomUUID(),
        subject: { cui: 90_000_001 + index, financialYear: 2025 },
      })),
    );
    const stopped = expect(statementsFound).rejects.toThrow();
    await eventually(() => expect(bilant().calls).toBeGreaterThan(1));

    const before = bilant().calls;
    const startedAt = performance.now();
    const between = eventually(
      () => simulator.anaf.ledger().calls === BATCHES && { statements: bilant().calls - before },
      { deadlineMs: 60_000 },
    );
    const batches = Array.from({ length: BATCHES }, (_, batch) => 20_000_000 + 100 * batch);
    const worker = async () => {
      for (let from = batches.shift(); from !== undefined; from = batches.shift()) {
        const first = from;
        const lookups = Array.from({ length: 100 }, (_, index) => ({
          prospectId: randomUUID(),
          subject: first + index,
        }));
        await taxpayers?.lookup(context, lookups);
      }
    };
    await Promise.all(Array.from({ length: 5 }, worker));
    const tookMs = performance.now() - startedAt;
    const { statements: asked } = await between;
    await eventually(() => expect(bilant().calls).toBeGreaterThan(before + asked + 1));
    stop.abort(new Error("enough"));
    await stopped;

    // Those that had their place already when the first batch came; and the machine is shared.
    expect(asked).toBeLessThanOrEqual(FIRST_IN_PLACE);
    const turns = BATCHES + FIRST_IN_PLACE;
    expect(tookMs).toBeLessThan(turns * (SECOND_MS + MARGIN_MS) + LATENCY_MS + 1_500);
    expect(simulator.anaf.ledger()).toMatchObject({ calls: BATCHES, rateLimited: 0 });
    expect(bilant()).toMatchObject({ rateLimited: 0 });
  });
});
