/** Credits and paid calls: what a call may cost is reserved in the transaction that writes it down, and settled with it. */
import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { type Db, inWorkspace } from "#db/client.ts";
import { listCreditEntries, readCreditAccount, unbalancedAccounts } from "#db/queries/credits.ts";
import { grantCredits } from "#src/platform/credits.ts";
import type { GatewayContext } from "#src/platform/gateway.ts";
import { createLogger } from "#src/platform/logger.ts";
import { ProviderError } from "#src/platform/provider-error.ts";
import { createRedis, type Redis } from "#src/platform/redis.ts";
import { resolveUnknownCall, sweepDeadCalls } from "#src/platform/unanswered-calls.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { eventually } from "#tests/support/eventually.ts";
import {
  type Ask,
  createContext,
  createReplica,
  failing,
  found,
  gate,
  inventedProvider,
  look,
  openDb,
  type ReplicaOptions,
} from "#tests/support/gateways.ts";
import { seedWorkspace } from "#tests/support/seed.ts";

let database: TestDatabase;
let db: Db;
let redis: Redis;
let owner: pg.Client;
let slug: string;
let workspaceId: string;
let context: GatewayContext;

beforeAll(async () => {
  database = await createTestDatabase();
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
  slug = `test-${randomUUID()}`;
  workspaceId = await seedWorkspace(database.url);
  context = await createContext(db, {}, workspaceId);
});

/** A call costs 7 for each subject. */
const replica = (ask: Ask, options?: ReplicaOptions) =>
  createReplica({ db, redis }, slug, ask, options).gateway;
const grant = (amountMicros: number) =>
  inWorkspace(db, workspaceId, (tx) =>
    grantCredits(tx, workspaceId, { amountMicros, reference: randomUUID(), by: "test" }),
  );
const account = () =>
  inWorkspace(db, workspaceId, async (tx) => {
    expect(await unbalancedAccounts(tx)).toEqual([]);
    const found = await readCreditAccount(tx, workspaceId);
    return found && [found.balanceMicros, found.reservedMicros];
  });
const kinds = async () => {
  const entries = await inWorkspace(db, workspaceId, (tx) =>
    listCreditEntries(tx, workspaceId, { beforeId: null, limit: 100 }),
  );
  return entries.map(({ kind }) => kind).sort();
};
const callId = async () => {
  const { rows } = await owner.query("SELECT id FROM provider_calls WHERE provider = $1", [slug]);
  return rows[0]?.id as string;
};
const statuses = async (ask: Ask, subjects: string[], options?: ReplicaOptions) => {
  const results = await look(replica(ask, options), context, subjects);
  return [...results.values()]
    .map((each) => (each?.status === "overBudget" ? each.scope : each?.status))
    .sort();
};
/** Its asker has died. */
const bury = async () => {
  await owner.query("UPDATE provider_calls SET lease_until = now() WHERE provider = $1", [slug]);
  await sweepDeadCalls({ db, logger: createLogger("silent") });
};

describe("paid calls", () => {
  it("of a workspace without an account are not limited by credits", async () => {
    expect(await statuses(inventedProvider().ask, ["a", "b"])).toEqual(["found", "found"]);
    expect(await account()).toBeNull();
  });

  it("are made as far as the balance goes, and settled", async () => {
    await grant(25);
    const { asked, ask } = inventedProvider();
    expect(await statuses(ask, ["a", "b", "c", "d", "e"])).toEqual([
      ...["credits", "credits"],
      ...["found", "found", "found"],
    ]);
    expect(asked).toHaveLength(3);
    expect(await account()).toEqual([4, 0]);
    expect(await kinds()).toEqual(["grant", ...Array(3).fill("reserve"), ...Array(3).fill("settle")]);
    await grant(10);
    expect(await statuses(ask, ["d", "e"])).toEqual(["found", "found"]);
    expect(await account()).toEqual([0, 0]);
  });

  it("that cost less than was reserved give the rest back, and so let others through", async () => {
    await grant(25);
    const { ask } = inventedProvider((subject) => ({ ...found(subject), costMicros: 5 }));
    expect(await statuses(ask, ["a", "b", "c", "d"])).toEqual(["found", "found", "found", "found"]);
    expect(await account()).toEqual([5, 0]);
  });

  it("are reserved for many subjects at once", async () => {
    await grant(100);
    const { ask } = inventedProvider((subject) => (subject === "b" ? null : found(subject)));
    expect(await statuses(ask, ["a", "b", "c"], { batchSize: 10 })).toEqual(["found", "found", "missing"]);
    expect(await account()).toEqual([86, 0]);
    expect(await kinds()).toEqual(["grant", "reserve", "settle"]);
  });

  it("that are refused are refunded, and may be made again", async () => {
    await grant(7);
    expect(await statuses(failing(new ProviderError(slug, "rejected")), ["a"])).toEqual(["failed"]);
    expect(await account()).toEqual([7, 0]);
    expect(await statuses(inventedProvider().ask, ["a"])).toEqual(["found"]);
    expect(await account()).toEqual([0, 0]);
    expect(await kinds()).toEqual(["grant", "refund", "reserve", "reserve", "settle"]);
  });

  it.each([
    [{ charged: true }, [13, 0]],
    [{ charged: true, costMicros: 3 }, [17, 0]],
    [{ charged: false }, [20, 0]],
  ])("with an unknown outcome stay reserved until somebody says %o", async (resolution, expected) => {
    await grant(20);
    expect(await statuses(failing(new ProviderError(slug, "unavailable")), ["a"])).toEqual(["unknown"]);
    expect(await account()).toEqual([13, 7]);
    const id = await callId();
    await inWorkspace(db, workspaceId, (tx) => resolveUnknownCall(tx, id, resolution));
    expect(await account()).toEqual(expected);
  });

  it("of an asker who died are refunded if they were never sent, and settled if their answer comes late", async () => {
    await grant(20);
    const { gated, open } = gate(inventedProvider().ask);
    const slow = look(replica(gated), context, ["a"]);
    await eventually(async () => (await account())?.[1] === 7);
    await owner.query("UPDATE provider_calls SET status = 'reserved' WHERE provider = $1", [slug]);
    await bury();
    expect(await account()).toEqual([20, 0]);
    open();
    await slow;
    // It was asked again by the one who was taken for dead, as a new attempt.
    expect(await account()).toEqual([13, 0]);

    const late = gate(inventedProvider().ask);
    const slower = look(replica(late.gated), context, ["b"]);
    await eventually(async () => (await account())?.[1] === 7);
    await owner.query(
      "UPDATE provider_calls SET status = 'sending' WHERE provider = $1 AND ended_at IS NULL",
      [slug],
    );
    await bury();
    expect(await account()).toEqual([6, 7]);
    late.open();
    expect((await slower).get("b")).toMatchObject({ status: "found" });
    expect(await account()).toEqual([6, 0]);
  });

  it("made before the account was opened are none of its business", async () => {
    const { gated, open } = gate(inventedProvider().ask);
    const slow = look(replica(gated), context, ["a"]);
    await eventually(async () => (await callId()) !== undefined);
    await grant(20);
    open();
    await slow;
    expect(await account()).toEqual([20, 0]);
  });
});
