import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { type Db, inWorkspace } from "#db/client.ts";
import { setLimits } from "#db/queries/budgets.ts";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";
import { dayInRomania } from "#src/domain/romanian-calendar.ts";
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
  const limit = { provider: slug, period: "total", limitMicros: 1_000_000 } as const;
  await inWorkspace(db, DEFAULT_WORKSPACE_ID, (tx) =>
    setLimits(tx, DEFAULT_WORKSPACE_ID, [limit], dayInRomania(new Date())),
  );
});
afterEach(async () => {
  const { rows } = await owner.query(
    `SELECT key, held_micros, held, spent_micros, spent
     FROM budgets JOIN (
       SELECT provider AS key, sum(cost_micros) AS spent,
              sum(reserved_cost_micros) FILTER (WHERE status IN ('reserved', 'sending', 'unknown')) AS held
       FROM provider_calls GROUP BY provider) ledger USING (key)
     WHERE scope = 'provider' AND (held_micros, spent_micros) IS DISTINCT FROM (coalesce(held, 0), spent)`,
  );
  expect(rows, "accounts that are not what the ledger says").toEqual([]);
});

const replica = (ask: Ask, options?: ReplicaOptions) =>
  createReplica({ db, redis }, slug, ask, options).gateway;

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
    const { asked, ask } = inventedProvider((subject) =>
      subject === "c" ? { status: "not_found" } : found(subject),
    );
    const gateway = replica(ask);
    const first = await look(gateway, context, ["a", "b", "c"]);
    expect(first.get("a")).toMatchObject({
      status: "found",
      body: { is: "a" },
      observedAt: expect.any(Date),
      costMicros: 7,
    });
    expect(first.get("c")).toMatchObject({
      status: "notFound",
      snapshotId: expect.any(String),
      costMicros: 7,
    });
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

  it("asks only for what is new, about another day too", async () => {
    const { asked, ask } = inventedProvider();
    await look(replica(ask, FREE), context, ["a", "b", "c"]);
    await look(replica(ask, FREE), context, ["d", "b", "a"]);
    const tomorrow = () => new Date(Date.now() + 86_400_000);
    const other = await createContext(db);
    await look(replica(ask, { ...FREE, now: tomorrow }), other, ["a"]);
    expect(asked).toEqual([["a", "b", "c"], ["d"], ["a"]]);
  });

  it("does not pay twice within a job when midnight passes between two tries", async () => {
    const { asked, ask } = inventedProvider();
    const first = await look(replica(ask), context, ["a", "b"]);
    const tomorrow = () => new Date(Date.now() + 86_400_000);
    const next = await look(replica(ask, { now: tomorrow }), context, ["b", "a"]);
    expect(byStatus(next)).toEqual(byStatus(first));
    expect(asked).toHaveLength(2);
  });

  it("asks once for two prospects with the same subject, and the first one pays", async () => {
    const { asked, ask } = inventedProvider();
    const lookups = ["same.ro", "other.ro", "same.ro"].map((subject) => ({
      prospectId: randomUUID(),
      subject,
    }));
    const results = await replica(ask).lookup(context, lookups);
    expect(asked.flat().sort()).toEqual(["other.ro", "same.ro"]);
    const costs = lookups.map(({ prospectId }) => results.get(prospectId));
    expect(costs).toMatchObject([{ costMicros: 7 }, { costMicros: 7 }, { status: "found", costMicros: 0 }]);
    // A step that is run again is told the same.
    const again = await replica(ask).lookup(context, lookups);
    expect([...again]).toEqual([...results]);
  });

  it("keeps two operations of a provider apart", async () => {
    const { asked, ask } = inventedProvider();
    await look(replica(ask), context, ["a"]);
    await look(replica(ask, { name: "verify" }), context, ["a"]);
    expect(asked).toEqual([["a"], ["a"]]);
  });

  it("names one subject in the call's key, and many by their digest, in any order", async () => {
    const { ask } = inventedProvider();
    await look(replica(ask, FREE), context, ["z"]);
    await look(replica(ask, FREE), context, ["y", "x"]);
    const keys = (await calls()).map(({ idempotency_key: key }) => key);
    expect(keys[0]).toBe(`${context.jobId}:z:colour:${slug}`);
    expect(keys[1]).toMatch(new RegExp(`^${context.jobId}:[0-9a-f]{64}:colour:${slug}$`));
  });

  it("lets one of many that come at once ask, and each subject is asked about once", async () => {
    const { asked, ask } = inventedProvider();
    const askers = Array.from({ length: 8 }, (_, index) => ({
      context: { ...context, field: `field-${index}` },
      // Overlapping, and in different order; some on a replica of their own.
      subjects: index % 2 === 0 ? ["a", "b", "c", "d"] : ["e", "d", "c"],
    }));
    const replicas = [replica(ask), replica(ask)];
    const answers = await Promise.all(
      askers.map((asker, index) =>
        look(replicas[index % 2] as (typeof replicas)[0], asker.context, asker.subjects),
      ),
    );
    expect(asked.flat().sort()).toEqual(["a", "b", "c", "d", "e"]);
    for (const answer of answers) for (const result of answer.values()) expect(result?.status).toBe("found");
    expect(await account()).toEqual({ held: 0, spent: 35 });
  });

  it("has no more requests under way than the process may, over all its lookups", async () => {
    let underWay = 0;
    let most = 0;
    const { ask } = inventedProvider();
    const slow: Ask = async (...args) => {
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setTimeout(resolve, 5));
      underWay--;
      return ask(...args);
    };
    const gateway = replica(slow, { limit: { name: slug, windows: [], inFlight: 3 } });
    const chunks = [1, 2, 3].map((chunk) => Array.from({ length: 20 }, (_, index) => `${chunk}-${index}`));
    await Promise.all(chunks.map((subjects) => look(gateway, context, subjects)));
    expect(most).toBe(3);
    expect(await calls()).toHaveLength(60);
  });
});

describe("subjects that the answer does not speak of", () => {
  it("are missing, free again, cost nothing, and can be asked again", async () => {
    const gateway = replica(inventedProvider((subject) => (subject === "b" ? null : found(subject))).ask, {
      batchSize: 100,
    });
    const first = await look(gateway, context, ["a", "b", "c"]);
    expect(first.get("b")).toEqual({ status: "missing" });
    expect(await statuses()).toEqual({ a: "found", c: "found" });
    expect(await calls()).toMatchObject([
      { status: "settled", found: 2, cost_micros: 14, reserved_cost_micros: 21 },
    ]);
    for (const _ of [1, 2]) await look(gateway, context, ["b"]);
    const found1 = await look(replica(inventedProvider().ask, { batchSize: 100 }), context, ["a", "b", "c"]);
    expect(found1.get("b")).toMatchObject({ status: "found" });
    expect((await calls()).map(({ attempts, cost_micros: cost }) => [attempts, cost])).toEqual([
      [1, 14],
      [3, 7],
    ]);
    expect(await account()).toEqual({ held: 0, spent: 21 });
  });
});

describe("what an answer costs", () => {
  it("is nothing where nothing was found, if that is the price", async () => {
    const { ask } = inventedProvider((subject) =>
      subject === "a" ? found(subject) : { status: "not_found" },
    );
    const price = { costMicros: 7, chargedFor: "found" } as const;
    const results = await look(replica(ask, { price }), context, ["a", "b"]);
    expect(results.get("b")).toMatchObject({ status: "notFound", costMicros: 0 });
    expect(await account()).toEqual({ held: 0, spent: 7 });
  });

  it("is what the provider says, and never more than was held: the rest is on record", async () => {
    let logged = "";
    const { ask } = inventedProvider((subject) => ({
      ...found(subject),
      costMicros: subject === "a" ? 3 : 20,
    }));
    const gateway = replica(ask, {
      logger: createLogger("error", { write: (line: string) => (logged += line) }),
    });
    const results = await look(gateway, context, ["a", "b"]);
    expect([...results.values()]).toMatchObject([{ costMicros: 3 }, { costMicros: 7 }]);
    expect(await account()).toEqual({ held: 0, spent: 10 });
    expect((await calls()).map((call) => call.overcharged_micros)).toEqual([0, 13]);
    expect(logged).toContain("charges more than its price in our books");
  });
});

describe("while somebody else is asking", () => {
  it("waits for the answer, and does not ask", async () => {
    const { asked, ask } = inventedProvider();
    const { gated, open } = gate(ask);
    const slow = look(replica(gated), context, ["a"]);
    await eventually(async () => (await calls())[0]?.status === "sending");
    const waiting = look(replica(ask), { ...context, field: "size" }, ["a", "b"]);
    await eventually(() => asked.length === 1);
    open();
    expect(byStatus(await waiting)).toEqual({ a: "found", b: "found" });
    expect(byStatus(await slow)).toEqual({ a: "found" });
    expect(asked.flat().sort()).toEqual(["a", "b"]);
  });

  it("asks itself where that failed", async () => {
    const { gated, open } = gate(failing(new ProviderError("test", "unavailable")));
    const failed = look(replica(gated, FREE), context, ["a"]).catch((error: ProviderError) => error.kind);
    await eventually(async () => (await calls()).length === 1);
    const { ask, asked } = inventedProvider();
    const waiting = look(replica(ask, FREE), { ...context, field: "size" }, ["a"]);
    open();
    expect(await failed).toBe("unavailable");
    expect(byStatus(await waiting)).toEqual({ a: "found" });
    expect(asked).toHaveLength(1);
  });
});

describe("a process that lives", () => {
  it("keeps its claims for as long as that takes", async () => {
    const { asked, ask } = inventedProvider();
    const { gated, open } = gate(ask);
    const slow = look(replica(gated, { ...FREE, leaseMs: 200 }), context, ["a"]);
    const lease = async () =>
      (await owner.query("SELECT lease_until FROM provider_calls WHERE provider = $1", [slug])).rows[0]
        ?.lease_until;
    await eventually(async () => (await lease()) !== undefined);
    const first = await lease();
    await eventually(async () => (await lease()) > first.getTime() + 400);
    await sweepDeadCalls({ db, logger });
    open();
    expect(byStatus(await slow)).toEqual({ a: "found" });
    expect(await calls()).toMatchObject([{ attempts: 1, status: "settled" }]);
    expect(asked).toHaveLength(1);
  });

  it("is told to stop when its call was taken over", async () => {
    let stopped = false;
    let turn = 0;
    const { ask } = inventedProvider();
    const hanging: Ask = (subjects, request) => {
      if (turn++ > 0) return ask(subjects, request);
      return new Promise((_, reject) => {
        request.signal.addEventListener("abort", () => {
          stopped = true;
          reject(request.signal.reason);
        });
      });
    };
    const slow = look(replica(hanging, { ...FREE, leaseMs: 300 }), context, ["a"]);
    await eventually(async () => (await calls()).length === 1);
    await owner.query(
      "UPDATE provider_calls SET attempts = attempts + 1, lease_until = now() + interval '1 second' WHERE provider = $1",
      [slug],
    );
    expect(byStatus(await slow)).toEqual({ a: "found" });
    expect(stopped).toBe(true);
    expect(await calls()).toMatchObject([{ attempts: 3, status: "settled" }]);
  });

  it("serves what somebody is waiting for before bulk work", async () => {
    const { asked, ask } = inventedProvider();
    const { gated, open } = gate(ask);
    const gateway = replica(gated, { limit: { name: slug, windows: [], inFlight: 1 } });
    const bulk = look(
      gateway,
      context,
      Array.from({ length: 10 }, (_, index) => `bulk ${index}`),
    );
    await eventually(async () => (await calls()).some(({ status }) => status === "sending"));
    const other = look(gateway, context, ["other bulk"]);
    const now = look(gateway, { ...context, priority: -1 }, ["now"]);
    await eventually(async () => (await calls()).length === 12);
    open();
    await Promise.all([bulk, other, now]);
    expect(asked.flat().indexOf("now")).toBe(1);
  });
});

describe("a process that dies", () => {
  it("between reserving and asking leaves nothing behind, and what it held is free", async () => {
    const one = { limit: { name: slug, windows: [], inFlight: 1 } };
    await leaveDeadCalls(["a", "b", "c"], one);
    expect((await calls()).map(({ status }) => status).sort()).toEqual(["reserved", "reserved", "sending"]);
    expect(await account()).toEqual({ held: 21, spent: 0 });
    await sweepDeadCalls({ db, logger });
    expect(await account()).toEqual({ held: 7, spent: 0 });
    const { asked, ask } = inventedProvider();
    const results = await look(replica(ask), { ...context, field: "size" }, ["a", "b", "c"]);
    expect(Object.values(byStatus(results)).sort()).toEqual(["found", "found", "unknown"]);
    expect(asked).toHaveLength(2);
    expect((await calls()).filter(({ requests }) => requests === 0)).toHaveLength(2);
  });

  it("is followed by another one when repeating is harmless", async () => {
    await leaveDeadCalls(["a", "b", "c"], FREE);
    const { asked, ask } = inventedProvider();
    expect(byStatus(await look(replica(ask, FREE), context, ["a", "b", "c"]))).toMatchObject({ a: "found" });
    expect(await calls()).toMatchObject([{ status: "settled", attempts: 2 }]);
    await leaveDeadCalls(["x", "y"], FREE);
    const other = await look(replica(ask, FREE), { ...context, field: "size" }, ["y"]);
    expect(other.get("y")).toMatchObject({ status: "found" });
    // The dead one's other subject is free as well.
    expect(await statuses()).toEqual({ a: "found", b: "found", c: "found", y: "found" });
    expect(asked).toEqual([["a", "b", "c"], ["y"]]);
  });

  it("leaves an unknown outcome that nobody asks again, when a repeat could be paid twice", async () => {
    await leaveDeadCalls(["a", "b"]);
    const { asked, ask } = inventedProvider();
    for (const field of ["colour", "size", "colour"]) {
      const results = await look(replica(ask), { ...context, field }, ["a", "b"]);
      expect(byStatus(results)).toEqual({ a: "unknown", b: "unknown" });
    }
    expect(asked).toEqual([]);
    expect((await calls()).map(({ status }) => status)).toEqual(["unknown", "unknown"]);
    expect(await account()).toEqual({ held: 14, spent: 0 });
  });

  it("only seemed to: its answer is taken all the same where nobody can have asked again", async () => {
    const { gated, open } = gate(inventedProvider().ask);
    const slow = look(replica(gated), context, ["a"]);
    await eventually(async () => (await calls())[0]?.status === "sending");
    await owner.query("UPDATE provider_calls SET lease_until = now() WHERE provider = $1", [slug]);
    await sweepDeadCalls({ db, logger });
    expect(await calls()).toMatchObject([{ status: "unknown" }]);
    open();
    expect(byStatus(await slow)).toEqual({ a: "found" });
    expect(await calls()).toMatchObject([{ status: "settled", cost_micros: 7 }]);
    expect(await account()).toEqual({ held: 0, spent: 7 });
  });

  it("only seemed to, and is fenced off where somebody has asked again", async () => {
    const late = gate(inventedProvider().ask);
    const slow = look(replica(late.gated, FREE), context, ["a"]);
    await eventually(async () => (await calls()).length === 1);
    await owner.query("UPDATE provider_calls SET lease_until = now() WHERE provider = $1", [slug]);
    const newer = gate(
      inventedProvider((subject) => ({ status: "found", body: { is: `new ${subject}` } })).ask,
    );
    const taken = look(replica(newer.gated, FREE), context, ["a"]);
    await eventually(async () => (await calls())[0]?.attempts === 2);
    late.open();
    newer.open();
    expect((await taken).get("a")).toMatchObject({ body: { is: "new a" } });
    expect((await slow).get("a")).toMatchObject({ body: { is: "new a" } });
    expect(await calls()).toMatchObject([{ status: "settled", attempts: 2, requests: 2 }]);
  });
});

describe("a request that fails", () => {
  const error = (kind: ProviderError["kind"], options = {}) => new ProviderError("test", kind, options);

  it("is tried again soon when it was too fast, and everybody waits", async () => {
    const { asked, ask } = inventedProvider();
    let turn = 0;
    const tooFast: Ask = (...args) =>
      turn++ === 1 ? Promise.reject(error("rate_limited", { httpStatus: 429 })) : ask(...args);
    const startedAt = performance.now();
    const results = await look(replica(tooFast), context, ["a", "b", "c"]);
    expect(byStatus(results)).toEqual({ a: "found", b: "found", c: "found" });
    expect(performance.now() - startedAt).toBeGreaterThan(1_100);
    expect(asked).toHaveLength(3);
    expect((await calls()).map(({ attempts, rate_limited: limited }) => [attempts, limited])).toContainEqual([
      2, 1,
    ]);
    expect(await account()).toEqual({ held: 0, spent: 21 });
  });

  it("is left for later when the pause is long, after what others got was stored", async () => {
    const { ask } = inventedProvider();
    const options = { httpStatus: 429, retryAfterMs: 40_000 };
    const tooFast: Ask = (subjects, rest) =>
      subjects[0] === "b" ? Promise.reject(error("rate_limited", options)) : ask(subjects, rest);
    const failure = await look(replica(tooFast), context, ["a", "b"]).catch((error: unknown) => error);
    expect(failure).toMatchObject({ kind: "rate_limited", retryAfterMs: expect.any(Number) });
    expect((failure as ProviderError).retryAfterMs).toBeGreaterThan(40_000);
    expect(await statuses()).toEqual({ a: "found" });
    expect(await account()).toEqual({ held: 0, spent: 7 });
  });

  it("is an outage when nothing was to be had, and only missing where others were answered", async () => {
    const down = replica(failing(error("unavailable", { httpStatus: 503 })), FREE);
    await expect(look(down, context, ["a"])).rejects.toMatchObject({
      kind: "unavailable",
      retryAfterMs: 2_000,
    });
    const { ask } = inventedProvider();
    const flaky: Ask = (subjects, rest) =>
      subjects[0] === "b" ? Promise.reject(error("unavailable")) : ask(subjects, rest);
    const results = await look(replica(flaky, { ...FREE, batchSize: 1 }), context, ["a", "b"]);
    expect(byStatus(results)).toEqual({ a: "found", b: "missing" });
  });

  it("is unknown where it was paid for and may have been done, and keeps what it held", async () => {
    const results = await look(replica(failing(error("unavailable"))), context, ["a"]);
    expect(byStatus(results)).toEqual({ a: "unknown" });
    expect(await calls()).toMatchObject([{ status: "unknown", error_kind: "unavailable" }]);
    expect(await account()).toEqual({ held: 7, spent: 0 });
    const bug = await look(replica(failing(new Error("a bug"))), context, ["b"]);
    expect(byStatus(bug)).toEqual({ b: "unknown" });
  });

  it("is free again where the client knows that nothing was charged, and spent where it knows that it was", async () => {
    const free = replica(failing(error("unavailable", { charged: false })));
    await expect(look(free, context, ["a"])).rejects.toMatchObject({ kind: "unavailable" });
    expect(await statuses()).toEqual({});
    expect(await account()).toEqual({ held: 0, spent: 0 });
    const charged = replica(failing(error("bad_response", { charged: true })));
    expect(byStatus(await look(charged, context, ["b"]))).toEqual({ b: "unknown" });
    expect(await account()).toEqual({ held: 0, spent: 7 });
    const { asked, ask } = inventedProvider();
    expect(byStatus(await look(replica(ask), context, ["b"]))).toEqual({ b: "unknown" });
    expect(asked).toEqual([]);
  });

  it("is a failure of its subject alone when the provider refused it or we cannot read it", async () => {
    const { ask } = inventedProvider();
    const odd: Ask = (subjects, rest) =>
      subjects[0] === "b" ? Promise.reject(error("rejected", { httpStatus: 422 })) : ask(subjects, rest);
    const results = await look(replica(odd), context, ["a", "b"]);
    expect(results.get("b")).toEqual({ status: "failed", code: "rejected" });
    expect(await account()).toEqual({ held: 0, spent: 7 });
    const unreadable = replica(failing(error("bad_response")), FREE);
    expect((await look(unreadable, context, ["c"])).get("c")).toEqual({
      status: "failed",
      code: "bad_response",
    });
  });

  it("stops all replicas when the credit is spent, until then, and what is known is still told", async () => {
    const { asked, ask } = inventedProvider();
    await look(replica(ask), context, ["known"]);
    const spent = replica(failing(error("spent", { retryAfterMs: 60_000 })), {
      limit: { name: slug, windows: [], inFlight: 1 },
    });
    const results = await look(spent, context, ["a", "b", "known"]);
    expect(byStatus(results)).toEqual({ a: "unavailable", b: "unavailable", known: "found" });
    expect((await calls()).map(({ requests }) => requests).sort()).toEqual([0, 1, 1]);
    const other = await look(replica(ask), context, ["a", "known"]);
    expect(other.get("a")).toMatchObject({ status: "unavailable", reason: "spent" });
    expect(byStatus(other)).toMatchObject({ known: "found" });
    const later = replica(ask, { now: () => new Date(Date.now() + 61_000) });
    expect(byStatus(await look(later, context, ["a"]))).toEqual({ a: "found" });
    expect(asked).toEqual([["known"], ["a"]]);
    expect(await account()).toEqual({ held: 0, spent: 14 });
  });

  it("opens the breaker after five of ten, and then the waterfall goes on at once", async () => {
    const gateway = replica(failing(error("unavailable")), {
      ...FREE,
      batchSize: 1,
      limit: { name: slug, windows: [], inFlight: 1 },
    });
    const subjects = Array.from({ length: 12 }, (_, index) => `s${index}`);
    await look(gateway, context, subjects).catch(() => {});
    const sent = (await calls()).reduce((sum, { requests }) => sum + requests, 0);
    expect(sent).toBeGreaterThanOrEqual(5);
    expect(sent).toBeLessThanOrEqual(10);
    const results = await look(gateway, context, subjects);
    for (const result of results.values()) {
      expect(result).toMatchObject({ status: "unavailable", reason: "breaker_open" });
    }
  });

  it("is stopped by its caller before it was sent, and heard out after that", async () => {
    const stop = new AbortController();
    const { asked, ask } = inventedProvider();
    const { gated, open } = gate(ask);
    const gateway = replica(gated, { limit: { name: slug, windows: [], inFlight: 1 } });
    const stopped = look(gateway, { ...context, signal: stop.signal }, ["a", "b"]).catch(
      (error: Error) => error.name,
    );
    await eventually(async () => (await calls()).some(({ status }) => status === "sending"));
    stop.abort();
    open();
    expect(await stopped).toBe("AbortError");
    expect(asked).toHaveLength(1);
    expect(Object.values(await statuses())).toEqual(["found"]);
    expect(await account()).toEqual({ held: 0, spent: 7 });
  });
});
