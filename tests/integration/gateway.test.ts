import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import type { Db } from "#db/client.ts";
import type { GatewayContext } from "#src/platform/gateway.ts";
import { createLogger } from "#src/platform/logger.ts";
import { ProviderError } from "#src/platform/provider-error.ts";
import { createRedis, type Redis } from "#src/platform/redis.ts";
import { sweepDeadCalls } from "#src/platform/unanswered-calls.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { eventually } from "#tests/support/eventually.ts";
import {
  type Ask,
  createContext,
  createReplica,
  FREE,
  failing,
  found,
  gate,
  inventedProvider,
  look,
  openDb,
  type ReplicaOptions,
} from "#tests/support/gateways.ts";

let database: TestDatabase;
let db: Db;
let redis: Redis;
/** Sees everything, past row-level security. */
let owner: pg.Client;
let context: GatewayContext;
let slug: string;
const logger = createLogger("silent");

beforeAll(async () => {
  database = await createTestDatabase({ migrate: true });
  db = openDb(database.url);
  redis = createRedis(inject("redisUrl"));
  owner = new pg.Client({ connectionString: database.url });
  await owner.connect();
});
afterAll(async () => {
  await db.$client.end();
  await owner.end();
  await redis.quit();
  await database.drop();
});
beforeEach(async () => {
  context = await createContext(db);
  // A provider of its own keeps each test's subjects apart.
  slug = `test-${randomUUID()}`;
});
afterEach(async () => {
  const left = await owner.query("SELECT 1 FROM budgets WHERE held_micros < 0");
  expect(left.rows).toEqual([]);
});

const replica = (ask: Ask, options?: ReplicaOptions) => createReplica({ db, redis }, slug, ask, options).gateway;

interface CallRow {
  status: string;
  attempts: number;
  requests: number;
  rate_limited: number;
  error_kind: string | null;
  http_status: number | null;
  subjects: number;
  found: number;
  reserved_cost_micros: number;
  cost_micros: number;
  overcharged_micros: number;
  idempotency_key: string;
}

async function calls(): Promise<CallRow[]> {
  const { rows } = await owner.query("SELECT * FROM provider_calls WHERE provider = $1 ORDER BY id", [slug]);
  return rows;
}

const statuses = async () => {
  const { rows } = await owner.query(
    "SELECT subject, status FROM snapshots WHERE provider = $1 ORDER BY subject",
    [slug],
  );
  return Object.fromEntries(rows.map(({ subject, status }) => [subject, status]));
};

const account = async () => {
  const { rows } = await owner.query(
    "SELECT held_micros AS held, spent_micros AS spent FROM budgets WHERE scope = 'provider' AND key = $1",
    [slug],
  );
  return rows[0];
};

/** What a process that was killed leaves behind: calls that nobody will settle, in the state that they were in. */
async function leaveDeadCalls(subjects: string[], options?: ReplicaOptions): Promise<void> {
  const asked = Promise.withResolvers<void>();
  const never: Ask = () => {
    asked.resolve();
    return new Promise(() => {});
  };
  void look(replica(never, options), context, subjects);
  await asked.promise;
  await owner.query(
    "UPDATE provider_calls SET lease_until = now() - interval '1 second' WHERE provider = $1 AND ended_at IS NULL",
    [slug],
  );
}

const byStatus = (results: Map<string, { status: string } | undefined>) =>
  Object.fromEntries([...results].map(([subject, result]) => [subject, result?.status]));

describe("asking once", () => {
  it("asks, stores, and answers from the store from then on", async () => {
    const { asked, ask } = inventedProvider((subject) => (subject === "c" ? { status: "not_found" } : found(subject)));
    const gateway = replica(ask);
    const first = await look(gateway, context, ["a", "b", "c"]);
    expect(first.get("a")).toMatchObject({
      status: "found",
      body: { is: "a" },
      observedAt: expect.any(Date),
      costMicros: 7,
    });
    expect(first.get("c")).toMatchObject({ status: "notFound", snapshotId: expect.any(String), costMicros: 7 });
    const again = await look(gateway, { ...context, field: "size" }, ["a", "b", "c"]);
    expect(byStatus(again)).toEqual(byStatus(first));
    // Somebody else has paid.
    expect(again.get("a")).toMatchObject({ costMicros: 0 });
    expect(asked).toEqual([["a"], ["b"], ["c"]]);
    expect(await calls()).toMatchObject(
      ["a", "b", "c"].map(() => ({
        status: "settled",
        attempts: 1,
        requests: 1,
        subjects: 1,
        reserved_cost_micros: 7,
        cost_micros: 7,
      })),
    );
    expect(await account()).toEqual({ held: 0, spent: 21 });
  });
});
