import { randomUUID } from "node:crypto";
import { Writable } from "node:stream";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { createDb, type Db, inWorkspace } from "#db/client.ts";
import { jobs } from "#db/schema/jobs.ts";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";
import { loadSimulatorConfig } from "#infra/simulator/config.ts";
import { type RunningSimulator, startSimulator } from "#infra/simulator/server.ts";
import { dayInRomania } from "#src/domain/romanian-calendar.ts";
import { connectProviders } from "#src/platform/connect-providers.ts";
import type { GatewayContext, LookupResult } from "#src/platform/gateway.ts";
import { createLogger } from "#src/platform/logger.ts";
import type { ProviderError } from "#src/platform/provider-error.ts";
import { createRedis, type Redis } from "#src/platform/redis.ts";
import { anaf } from "#src/providers/anaf/provider.ts";
import type { AnafRecord } from "#src/providers/anaf/schemas.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { eventually } from "#tests/support/eventually.ts";

let database: TestDatabase;
let owner: pg.Client;
let simulator: RunningSimulator;
let limiterName: string;
let logged: string;
let context: GatewayContext;
const open: { db: Db; redis: Redis }[] = [];
const logger = createLogger(
  "debug",
  new Writable({
    write(chunk, _, done) {
      logged += chunk;
      done();
    },
  }),
);

beforeAll(async () => {
  database = await createTestDatabase({ migrate: true });
  owner = new pg.Client({ connectionString: database.url });
  await owner.connect();
});
afterAll(async () => {
  await owner.end();
  await database.drop();
});

beforeEach(async () => {
  logged = "";
  limiterName = `anaf-${randomUUID()}`;
  const quick = {
    SIMULATOR_ANAF_LATENCY_MS: "20",
    SIMULATOR_ANAF_INTERVAL_MS: "100",
    SIMULATOR_ANAF_OUTAGE_EVERY: "0",
    SIMULATOR_ANAF_MISSING_PCT: "0",
  };
  simulator = await startSimulator(loadSimulatorConfig(quick));
  // Each test asks about taxpayers that nobody has asked about yet.
  await owner.query("TRUNCATE snapshots, provider_calls CASCADE");
});
afterEach(async () => {
  for (const { db, redis } of open.splice(0)) await Promise.all([db.$client.end(), redis.quit()]);
  await simulator.stop();
});

interface Replica {
  lookup(context: GatewayContext, cuis: readonly number[]): Promise<Map<number, LookupResult<AnafRecord>>>;
}

/** What one replica of the app has: connections, limiter and gateway of its own. */
async function startReplica({ now = () => new Date() }: { now?: () => Date } = {}): Promise<Replica> {
  const db = createDb(database.url, { max: 5 });
  const redis = createRedis(inject("redisUrl"));
  open.push({ db, redis });
  const [job] = await inWorkspace(db, DEFAULT_WORKSPACE_ID, (tx) =>
    tx.insert(jobs).values({ workspaceId: DEFAULT_WORKSPACE_ID, kind: "import" }).returning({ id: jobs.id }),
  );
  context = { workspaceId: DEFAULT_WORKSPACE_ID, jobId: job?.id ?? "", field: "cui-validation" };
  const operations = anaf.connect({ ANAF_BASE_URL: `${simulator.url}/anaf` });
  if (!operations) throw new Error("ANAF needs no credentials");
  const taxpayers = {
    ...operations.taxpayers,
    // Ten times as fast as the real one, and each test's own.
    limit: {
      ...operations.taxpayers.limit,
      name: limiterName,
      windows: [{ limit: 1, periodMs: 100 }],
      marginMs: 80,
    },
  };
  const definition = { ...anaf, connect: () => ({ taxpayers }) };
  const deps = { db, redis, logger, now, limited: true };
  const gateway = connectProviders(deps, { anaf: definition }, {}).gateways.anaf?.taxpayers;
  return {
    async lookup(context, cuis) {
      const lookups = cuis.map((cui) => ({ prospectId: randomUUID(), subject: cui }));
      const results = await gateway?.lookup(context, lookups);
      return new Map(
        lookups.flatMap(({ prospectId, subject }) => {
          const result = results?.get(prospectId);
          return result ? [[subject, result]] : [];
        }),
      );
    },
  };
}

const ids = (count: number, from = 14_000_000) => Array.from({ length: count }, (_, index) => from + index);

describe("ANAF through its gateway", () => {
  it("answers two fields on two replicas, who ask about the same hundred at once, with one request", async () => {
    const replicas = [await startReplica(), await startReplica()];
    const fields = ["cui-validation", "fiscal-status"];
    const answers = await Promise.all(
      replicas.flatMap((replica) => fields.map((field) => replica.lookup({ ...context, field }, ids(100)))),
    );
    expect(simulator.anaf.ledger()).toMatchObject({ calls: 1, ok: 1, ids: { asked: 100, askedAgain: 0 } });
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    const found = [...(answers[0]?.values() ?? [])].filter(({ status }) => status === "found");
    expect(found.length).toBeGreaterThan(90);
    expect(answers[0]?.get(14_000_000)).toMatchObject({
      body: { company: { cui: 14_000_000, asOf: dayInRomania(new Date()) } },
    });
  });

  it("keeps both replicas together below one request an interval, and asks nobody twice", async () => {
    const replicas = [await startReplica(), await startReplica()];
    const chunks = Array.from({ length: 20 }, (_, index) => ids(100, 15_000_000 + index * 100));
    await Promise.all(chunks.map((chunk, index) => replicas[index % 2]?.lookup(context, chunk)));
    const ledger = simulator.anaf.ledger();
    expect(ledger).toMatchObject({ calls: 20, ok: 20, rateLimited: 0, ids: { asked: 2_000, askedAgain: 0 } });
    expect(ledger.minSpacingOfAllMs).toBeGreaterThanOrEqual(100);
    // Nor does it dawdle: 180 ms and a little for the way, on a machine that may be busy.
    expect(ledger.meanSpacingMs).toBeLessThan(300);
  });

  it("tells found from not found, also when nothing is found", async () => {
    simulator.anaf.configure({ notFoundPct: 100 });
    const replica = await startReplica();
    const answer = await replica.lookup(context, ids(3));
    expect([...answer.values()]).toMatchObject([
      { status: "notFound" },
      { status: "notFound" },
      { status: "notFound" },
    ]);
    expect(await replica.lookup({ ...context, field: "fiscal-status" }, ids(3))).toEqual(answer);
    expect(simulator.anaf.ledger().calls).toBe(1);
  });

  it("fails over an outage with a time to come back, and goes on after it", async () => {
    simulator.anaf.configure({ outageEvery: 1 });
    const replica = await startReplica();
    const failure = await replica.lookup(context, ids(5)).catch((error: unknown) => error);
    expect(failure).toMatchObject({ kind: "unavailable", httpStatus: 200, retryAfterMs: 2_000 });
    simulator.anaf.configure({ outageEvery: 0 });
    expect((await replica.lookup(context, ids(5))).size).toBe(5);
    const { rows } = await owner.query("SELECT status, attempts FROM provider_calls");
    expect(rows).toEqual([{ status: "settled", attempts: 2 }]);
  });

  it("knocks more rarely the longer an outage lasts, a minute at most", async () => {
    simulator.anaf.configure({ outageEvery: 1 });
    let at = new Date("2026-11-22T10:00:00Z");
    const replica = await startReplica({ now: () => at });
    const waits: unknown[] = [];
    for (const second of [0, 10, 45, 900]) {
      at = new Date(Date.parse("2026-11-22T10:00:00Z") + second * 1000);
      waits.push(await replica.lookup(context, ids(1)).catch((error: ProviderError) => error.retryAfterMs));
    }
    expect(waits).toEqual([2_000, 10_000, 45_000, 60_000]);
  });

  it("slows everyone down after a 429, for as long as ANAF says", async () => {
    const replicas = [await startReplica(), await startReplica()];
    simulator.anaf.configure({ retryAfterSeconds: 1 });
    await replicas[0]?.lookup(context, ids(1));
    // Somebody else, on the same address, is fast.
    simulator.anaf.configure({ intervalMs: 100_000 });
    const slowed = replicas[0]?.lookup(context, ids(1, 16_000_000));
    await eventually(() => simulator.anaf.ledger().rateLimited === 1);
    simulator.anaf.configure({ intervalMs: 100 });
    const startedAt = performance.now();
    await replicas[1]?.lookup(context, ids(1, 16_000_001));
    expect(performance.now() - startedAt).toBeGreaterThan(900);
    expect((await slowed)?.get(16_000_000)).toMatchObject({ status: "found" });
    const { rows } = await owner.query("SELECT sum(rate_limited)::int AS count FROM provider_calls");
    expect(rows).toEqual([{ count: 1 }]);
  });

  it("tells of one it cannot read, without asking again, and of one that was left out, asking again", async () => {
    simulator.anaf.configure({ malformedPct: 100, notFoundPct: 0 });
    const replica = await startReplica();
    expect((await replica.lookup(context, ids(1))).get(14_000_000)).toMatchObject({
      body: { malformed: expect.any(Array) },
    });
    simulator.anaf.configure({ malformedPct: 0, missingPct: 100 });
    const mixed = await replica.lookup(context, ids(2));
    expect(mixed.get(14_000_000)).toMatchObject({ body: { malformed: expect.any(Array) } });
    expect(mixed.get(14_000_001)).toEqual({ status: "missing" });
    expect((await replica.lookup(context, ids(2))).get(14_000_001)).toMatchObject({ status: "found" });
    expect(simulator.anaf.ledger()).toMatchObject({ calls: 3, ids: { asked: 2, askedAgain: 0, leftOut: 1 } });
  });

  it("asks about the day that it is in Romania", async () => {
    const replica = await startReplica({ now: () => new Date("2026-06-30T21:30:00Z") });
    await replica.lookup(context, ids(1));
    const { rows } = await owner.query("SELECT as_of::text AS day FROM snapshots");
    expect(rows).toEqual([{ day: "2026-07-01" }]);
  });

  it("writes phones, names and personal numbers to no log, and personal numbers to no table", async () => {
    simulator.anaf.configure({ notFoundPct: 0, malformedPct: 1 });
    const replica = await startReplica();
    for (let chunk = 0; chunk < 10; chunk++)
      await replica.lookup(context, ids(100, 17_000_000 + chunk * 100));
    simulator.anaf.configure({ outageEvery: 1 });
    await replica.lookup(context, ids(1)).catch(() => {});
    expect(logged).toContain("records that we cannot read");
    const { rows } = await owner.query("SELECT body::text AS body FROM snapshots WHERE body IS NOT NULL");
    const phones = rows.flatMap(({ body }) => /"phone": "(\d+)"/.exec(body)?.[1] ?? []);
    expect(phones.length).toBeGreaterThan(100);
    for (const phone of phones) expect(logged).not.toContain(phone);
    expect(logged).not.toMatch(/AGRO|POPESCU/);
    const bodies = rows.map(({ body }) => body).join("\n");
    expect(bodies).toContain("CNP [CNP]");
    expect(`${bodies}${logged}`).not.toMatch(/CNP \d/);
  });
});
