import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { type Db, inWorkspace } from "#db/client.ts";
import { type BudgetLimit, listBudgets, setLimits } from "#db/queries/budgets.ts";
import { listUnknownCalls } from "#db/queries/unanswered-calls.ts";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";
import { dayInRomania } from "#src/domain/romanian-calendar.ts";
import { ProviderError } from "#src/platform/provider-error.ts";
import { createRedis, type Redis } from "#src/platform/redis.ts";
import { resolveUnknownCall } from "#src/platform/unanswered-calls.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { eventually } from "#tests/support/eventually.ts";
import {
  type Ask,
  createContext,
  createReplica,
  FREE,
  failing,
  found,
  inventedProvider,
  look,
  openDb,
  type ReplicaOptions,
} from "#tests/support/gateways.ts";

let database: TestDatabase;
let db: Db;
let redis: Redis;
let owner: pg.Client;
let slug: string;

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
  slug = `test-${randomUUID()}`;
  await owner.query("TRUNCATE snapshots, provider_calls, budgets, budget_limits CASCADE");
});

const today = () => dayInRomania(new Date());
const replica = (ask: Ask, options?: ReplicaOptions) =>
  createReplica({ db, redis }, slug, ask, options).gateway;
const subjects = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `s${from + index}`);
const allow = (...limits: BudgetLimit[]) =>
  inWorkspace(db, DEFAULT_WORKSPACE_ID, (tx) => setLimits(tx, DEFAULT_WORKSPACE_ID, limits, today()));
const budgets = () =>
  inWorkspace(db, DEFAULT_WORKSPACE_ID, (tx) => listBudgets(tx, DEFAULT_WORKSPACE_ID, today()));

async function accounts(scope: string) {
  const { rows } = await owner.query(
    `SELECT key, limit_micros AS limit, held_micros AS held, spent_micros AS spent FROM budgets WHERE scope = $1
     ORDER BY key`,
    [scope],
  );
  return rows;
}

function count(results: Map<string, { status: string; scope?: string } | undefined>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const result of results.values()) {
    const what = result?.scope ? `${result.status} ${result.scope}` : String(result?.status);
    counts[what] = (counts[what] ?? 0) + 1;
  }
  return counts;
}

describe("a budget", () => {
  it("of a job lets through what fits, and asks nothing beyond it", async () => {
    const { asked, ask } = inventedProvider();
    const context = await createContext(db, { maxCostMicros: 50 });
    const results = await look(replica(ask), context, subjects(10));
    expect(count(results)).toEqual({ found: 7, "overBudget job": 3 });
    expect(asked).toHaveLength(7);
    expect(await accounts("job")).toEqual([{ key: context.jobId, limit: 50, held: 0, spent: 49 }]);
  });

  it("of a prospect is its own, within its job", async () => {
    const { ask } = inventedProvider();
    const context = await createContext(db, { maxCostMicrosPerProspect: 10 });
    const [one, other] = [randomUUID(), randomUUID()];
    const gateway = replica(ask);
    await gateway.lookup(context, [{ prospectId: one, subject: "a" }]);
    const results = await gateway.lookup(context, [
      { prospectId: one, subject: "b" },
      { prospectId: other, subject: "c" },
    ]);
    expect(results.get(one)).toEqual({ status: "overBudget", scope: "prospect" });
    expect(results.get(other)).toMatchObject({ status: "found", costMicros: 7 });
    const elsewhere = await createContext(db, { maxCostMicrosPerProspect: 10 });
    expect((await gateway.lookup(elsewhere, [{ prospectId: one, subject: "b" }])).get(one)).toMatchObject({
      status: "found",
    });
  });

  it.each([
    ["workspace", { provider: null, period: "total" }],
    ["day", { provider: null, period: "day" }],
    ["provider", { provider: true, period: "total" }],
    ["day", { provider: true, period: "day" }],
  ] as const)("of the %s (%o) holds for all jobs together", async (scope, { provider, period }) => {
    await allow({ provider: provider ? slug : null, period, limitMicros: 30 });
    const { ask } = inventedProvider();
    const first = await look(replica(ask), await createContext(db), subjects(3));
    const second = await look(replica(ask), await createContext(db), subjects(3, 10));
    expect(count(first)).toEqual({ found: 3 });
    expect(count(second)).toEqual({ found: 1, [`overBudget ${scope}`]: 2 });
    // Another day is another budget, where it is one by the day.
    const tomorrow = replica(ask, { now: () => new Date(Date.now() + 86_400_000) });
    const third = await look(tomorrow, await createContext(db), subjects(2, 20));
    expect(count(third)).toEqual(period === "day" ? { found: 2 } : { [`overBudget ${scope}`]: 2 });
  });

  it("that is set later knows what was spent before", async () => {
    const { ask } = inventedProvider();
    await look(replica(ask), await createContext(db), subjects(4));
    await allow({ provider: slug, period: "total", limitMicros: 35 });
    const results = await look(replica(ask), await createContext(db), subjects(3, 10));
    expect(count(results)).toEqual({ found: 1, "overBudget provider": 2 });
    await allow({ provider: slug, period: "total", limitMicros: null });
    expect(count(await look(replica(ask), await createContext(db), subjects(3, 20)))).toEqual({ found: 3 });
  });

  it("may be set below what is spent: then nothing more is", async () => {
    const { ask } = inventedProvider();
    await look(replica(ask), await createContext(db), subjects(4));
    await allow({ provider: null, period: "total", limitMicros: 10 });
    expect(count(await look(replica(ask), await createContext(db), ["x"]))).toEqual({
      "overBudget workspace": 1,
    });
    const shown = await budgets();
    expect(shown).toContainEqual({
      provider: null,
      period: "total",
      limitMicros: 10,
      heldMicros: 0,
      spentMicros: 28,
      leftMicros: 0,
    });
    expect(shown).toContainEqual(
      expect.objectContaining({ provider: slug, period: "day", limitMicros: null, leftMicros: null }),
    );
  });

  it("can be set while accounts are being made and moved", async () => {
    const { ask } = inventedProvider();
    const gateway = replica(ask);
    const work = Array.from({ length: 20 }, async (_, index) =>
      look(gateway, await createContext(db, { maxCostMicrosPerProspect: 7 }), subjects(5, index * 5)),
    );
    const limits = Array.from({ length: 20 }, (_, index) =>
      allow({ provider: index % 2 ? slug : null, period: "day", limitMicros: 100_000 + index }),
    );
    const settled = await Promise.allSettled([...work, ...limits]);
    expect(settled.filter(({ status }) => status === "rejected")).toEqual([]);
    expect(await accounts("workspace_day")).toMatchObject([{ held: 0, spent: 700 }]);
    expect(await accounts("provider_day")).toMatchObject([{ held: 0, spent: 700 }]);
  });

  it("has no account where nothing is limited, and is known from the ledger all the same", async () => {
    const context = await createContext(db);
    await look(replica(inventedProvider().ask), context, subjects(3));
    await look(replica(failing(new ProviderError("test", "unavailable"))), context, ["unknown"]);
    const { rows } = await owner.query("SELECT 1 FROM budgets");
    expect(rows).toEqual([]);
    const used = { limitMicros: null, heldMicros: 7, spentMicros: 21, leftMicros: null };
    expect(await budgets()).toEqual(
      [slug, null].flatMap((provider) => [
        { provider, period: "total", ...used },
        { provider, period: "day", ...used },
      ]),
    );
  });

  it("that is set while calls are on their way knows what they hold, and what they give back", async () => {
    const answer = Promise.withResolvers<void>();
    const { asked, ask } = inventedProvider();
    const slow: Ask = async (...args) => {
      const answers = await ask(...args);
      await answer.promise;
      return answers;
    };
    const calls = look(replica(slow), await createContext(db), subjects(3));
    await eventually(async () => asked.length === 3);
    const total = { period: "total", limitMicros: 100 } as const;
    const day = { period: "day", limitMicros: 100 } as const;
    await allow({ provider: slug, ...total }, { provider: slug, ...day });
    await allow({ provider: null, ...total }, { provider: null, ...day });
    const scopes = ["provider", "provider_day", "workspace", "workspace_day"];
    for (const scope of scopes) expect(await accounts(scope)).toMatchObject([{ held: 21, spent: 0 }]);
    answer.resolve();
    await calls;
    for (const scope of scopes) expect(await accounts(scope)).toMatchObject([{ held: 0, spent: 21 }]);
  });

  it("spends at the edge what those before it gave back", async () => {
    const { asked, ask } = inventedProvider((subject) =>
      Number(subject.slice(1)) % 2 === 0 ? found(subject) : { status: "not_found" },
    );
    const context = await createContext(db, { maxCostMicros: 28 });
    const price = { costMicros: 7, chargedFor: "found" } as const;
    const results = await look(replica(ask, { price }), context, subjects(20));
    expect(await accounts("job")).toMatchObject([{ held: 0, spent: 28 }]);
    expect(count(results).found).toBe(4);
    expect(asked.length).toBeGreaterThan(4);
  });

  it("says nothing about what is free", async () => {
    const { ask } = inventedProvider();
    const context = await createContext(db, { maxCostMicros: 0 });
    expect(count(await look(replica(ask, FREE), context, subjects(5)))).toEqual({ found: 5 });
    expect(await accounts("job")).toEqual([]);
  });

  it("is kept by the database itself, whatever the code does", async () => {
    const { ask } = inventedProvider();
    await look(replica(ask), await createContext(db, { maxCostMicros: 50 }), subjects(5));
    const more = owner.query("UPDATE budgets SET held_micros = held_micros + 16 WHERE scope = 'job'");
    await expect(more).rejects.toMatchObject({ code: "23514", constraint: "budgets_limit_check" });
    const less = owner.query("UPDATE budgets SET spent_micros = spent_micros - 36 WHERE scope = 'job'");
    await expect(less).rejects.toMatchObject({ code: "23514", constraint: "budgets_amounts_check" });
  });
});

describe("fifty lookups at once, on two replicas", () => {
  it("never hold or spend more than the cap, at any moment, and use all of it", async () => {
    const cap = 700;
    const context = await createContext(db, { maxCostMicros: cap, maxCostMicrosPerProspect: 7 });
    await allow({ provider: null, period: "total", limitMicros: 10 * cap });
    let charged = 0;
    let most = 0;
    const { ask } = inventedProvider();
    const paid: Ask = async (...args) => {
      charged += 7;
      most = Math.max(most, charged);
      return ask(...args);
    };
    const replicas = [replica(paid), replica(paid)];
    const seen: number[] = [];
    let watching = true;
    const watch = (async () => {
      while (watching) {
        for (const { held, spent } of await accounts("job")) seen.push(held + spent);
      }
    })();
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        look(
          replicas[index % 2] as (typeof replicas)[0],
          { ...context, field: `f${index % 7}` },
          subjects(10, index * 7),
        ),
      ),
    );
    watching = false;
    await watch;
    expect(Math.max(...seen)).toBe(cap);
    expect(most).toBe(cap);
    expect(await accounts("job")).toMatchObject([{ held: 0, spent: cap }]);
    expect(await accounts("workspace")).toMatchObject([{ held: 0, spent: cap }]);
    const all = results.flatMap((result) => [...result]);
    expect(
      new Set(all.filter(([, result]) => result?.status === "found").map(([subject]) => subject)).size,
    ).toBe(100);
  });
});

describe("a call whose outcome is unknown", () => {
  const unknownCalls = () =>
    inWorkspace(db, DEFAULT_WORKSPACE_ID, (tx) =>
      listUnknownCalls(tx, DEFAULT_WORKSPACE_ID, { afterId: null, limit: 10 }),
    );
  const resolve = (id: string, resolution: Parameters<typeof resolveUnknownCall>[2]) =>
    inWorkspace(db, DEFAULT_WORKSPACE_ID, (tx) => resolveUnknownCall(tx, id, resolution));

  it("is listed, and when it was charged its money is spent and nobody asks again", async () => {
    const context = await createContext(db, { maxCostMicros: 20, maxCostMicrosPerProspect: 7 });
    await allow({ provider: null, period: "day", limitMicros: 100 });
    await look(replica(failing(new ProviderError("test", "unavailable"))), context, ["a"]);
    const [call] = await unknownCalls();
    expect(call).toMatchObject({ provider: slug, subjects: ["a"], heldMicros: 7, errorKind: "unavailable" });
    expect(await accounts("job")).toMatchObject([{ held: 7, spent: 0 }]);
    await resolve(call?.id ?? "", { charged: true });
    expect(await unknownCalls()).toEqual([]);
    for (const scope of ["job", "prospect", "workspace_day"]) {
      expect(await accounts(scope)).toMatchObject([{ held: 0, spent: 7 }]);
    }
    const { asked, ask } = inventedProvider();
    expect(count(await look(replica(ask), context, ["a"]))).toEqual({ unknown: 1 });
    expect(asked).toEqual([]);
  });

  it("gives its money and its subject back when it was not charged", async () => {
    const context = await createContext(db, { maxCostMicros: 7 });
    await look(replica(failing(new ProviderError("test", "unavailable"))), context, ["a"]);
    const [call] = await unknownCalls();
    await resolve(call?.id ?? "", { charged: false });
    expect(await accounts("job")).toMatchObject([{ held: 0, spent: 0 }]);
    expect(count(await look(replica(inventedProvider().ask), context, ["a"]))).toEqual({ found: 1 });
  });

  it("may have cost a part of what a batch held, and not more", async () => {
    const context = await createContext(db, { maxCostMicros: 21, maxCostMicrosPerProspect: 7 });
    const batch = replica(failing(new ProviderError("test", "unavailable")), { batchSize: 3 });
    await look(batch, context, ["a", "b", "c"]);
    const [call] = await unknownCalls();
    await expect(resolve(call?.id ?? "", { charged: true, costMicros: 22 })).rejects.toMatchObject({
      code: "cost_beyond_hold",
    });
    await resolve(call?.id ?? "", { charged: true, costMicros: 11 });
    expect(await accounts("job")).toMatchObject([{ held: 0, spent: 11 }]);
    expect((await accounts("prospect")).map(({ spent }) => spent).sort()).toEqual([3, 4, 4]);
  });

  it("is resolved once", async () => {
    await look(replica(failing(new ProviderError("test", "unavailable"))), await createContext(db), ["a"]);
    const [call] = await unknownCalls();
    const both = await Promise.allSettled([
      resolve(call?.id ?? "", { charged: true }),
      resolve(call?.id ?? "", { charged: false }),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(both.find(({ status }) => status === "rejected")).toMatchObject({
      reason: { code: "provider_call_not_found" },
    });
  });
});
