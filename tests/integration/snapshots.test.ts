import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createDb, type Db, inWorkspace } from "#db/client.ts";
import { jobs } from "#db/schema/jobs.ts";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";
import { createLogger } from "#src/platform/logger.ts";
import { type Ask, askOnce, askUntilAnswered, type Request } from "#src/platform/snapshots.ts";
import { ProviderError } from "#src/providers/errors.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { eventually } from "#tests/support/eventually.ts";

let database: TestDatabase;
let db: Db;
/** Sees everything, past row-level security. */
let owner: pg.Client;
let ask: Ask;
const logger = createLogger("silent");

beforeAll(async () => {
  database = await createTestDatabase({ migrate: true });
  db = createDb(database.url, { max: 10 });
  owner = new pg.Client({ connectionString: database.url });
  await owner.connect();
});
afterAll(async () => {
  await db.$client.end();
  await owner.end();
  await database.drop();
});

beforeEach(async () => {
  const [job] = await inWorkspace(db, DEFAULT_WORKSPACE_ID, (tx) =>
    tx.insert(jobs).values({ workspaceId: DEFAULT_WORKSPACE_ID, kind: "import" }).returning({ id: jobs.id }),
  );
  ask = {
    workspaceId: DEFAULT_WORKSPACE_ID,
    jobId: job?.id ?? "",
    // A provider of its own keeps each test's subjects apart.
    provider: `test-${randomUUID()}`,
    operation: "look",
    field: "colour",
    subjects: ["a", "b", "c"],
    asOf: "2026-11-22",
    leaseMs: 5_000,
    repeatable: true,
    costMicrosPerSubject: 7,
  };
});

/** A provider that knows everybody, and writes down what it was asked. */
function provider(answer: (subject: string) => "found" | "not_found" | "missing" = () => "found") {
  const asked: string[][] = [];
  const request: Request<{ is: string }> = async (subjects) => {
    asked.push(subjects);
    return new Map(
      subjects.flatMap((subject) => {
        const status = answer(subject);
        if (status === "missing") return [];
        return [[subject, status === "found" ? { status, body: { is: subject } } : { status }]];
      }),
    );
  };
  return { asked, request };
}

/** A request that waits to be let go. */
function gate(request: Request<{ is: string }>) {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const gated: Request<{ is: string }> = async (...args) => {
    await opened;
    return request(...args);
  };
  return { gated, open };
}

const failing =
  (error: Error): Request<never> =>
  () =>
    Promise.reject(error);

interface CallRow {
  status: string;
  attempts: number;
  rate_limited: number;
  error_kind: string | null;
  http_status: number | null;
  subjects: number;
  reserved_cost_micros: string | number;
  cost_micros: string | number;
  idempotency_key: string;
}

async function calls(): Promise<CallRow[]> {
  const { rows } = await owner.query("SELECT * FROM provider_calls WHERE provider = $1 ORDER BY created_at", [
    ask.provider,
  ]);
  return rows;
}

const statuses = async () => {
  const { rows } = await owner.query(
    "SELECT subject, status FROM snapshots WHERE provider = $1 ORDER BY subject",
    [ask.provider],
  );
  return Object.fromEntries(rows.map(({ subject, status }) => [subject, status]));
};

/** What a process that was killed leaves behind: a reservation that nobody will settle. */
async function leaveDeadCall(dead: Ask): Promise<void> {
  void askOnce({ db, logger }, { ...dead, leaseMs: 3_600_000 }, () => new Promise(() => {}));
  await eventually(async () => (await calls()).some(({ status }) => status === "reserved"));
  await owner.query(
    "UPDATE provider_calls SET lease_until = now() - interval '1 second' WHERE provider = $1",
    [dead.provider],
  );
}

describe("asking once", () => {
  it("asks, stores, and answers from the store from then on", async () => {
    const { asked, request } = provider((subject) => (subject === "c" ? "not_found" : "found"));
    const first = await askOnce({ db, logger }, ask, request);
    expect(first.get("a")).toMatchObject({
      status: "found",
      body: { is: "a" },
      observedAt: expect.any(Date),
    });
    expect(first.get("c")).toMatchObject({ status: "not_found", snapshotId: expect.any(String) });
    const again = await askOnce({ db, logger }, { ...ask, field: "size" }, request);
    expect(again).toEqual(first);
    expect(asked).toEqual([["a", "b", "c"]]);
    expect(await calls()).toMatchObject([
      { status: "settled", attempts: 1, subjects: 3, reserved_cost_micros: 21, cost_micros: 21 },
    ]);
  });

  it("asks only for what is new, about another day too", async () => {
    const { asked, request } = provider();
    await askOnce({ db, logger }, ask, request);
    await askOnce({ db, logger }, { ...ask, subjects: ["d", "b", "a"] }, request);
    await askOnce({ db, logger }, { ...ask, field: "size", subjects: ["a"], asOf: "2026-11-23" }, request);
    expect(asked).toEqual([["a", "b", "c"], ["d"], ["a"]]);
  });

  it("does not pay twice within a job when midnight passes between two tries", async () => {
    const { asked, request } = provider();
    const first = await askOnce({ db, logger }, ask, request);
    const next = await askOnce({ db, logger }, { ...ask, asOf: "2026-11-23" }, request);
    expect(next).toEqual(first);
    expect(asked).toHaveLength(1);
  });

  it("names one subject in the call's key, and many by their digest, in any order", async () => {
    const { request } = provider();
    await askOnce({ db, logger }, { ...ask, subjects: ["z"] }, request);
    await askOnce({ db, logger }, { ...ask, subjects: ["y", "x"] }, request);
    const keys = (await calls()).map(({ idempotency_key: key }) => key);
    expect(keys[0]).toBe(`${ask.jobId}:z:colour:${ask.provider}`);
    expect(keys[1]).toMatch(new RegExp(`^${ask.jobId}:[0-9a-f]{64}:colour:${ask.provider}$`));
  });

  it("lets one of many that come at once ask, and each subject is asked about once", async () => {
    const { asked, request } = provider();
    const askers = Array.from({ length: 8 }, (_, index) => ({
      ...ask,
      field: `field-${index}`,
      // Overlapping, and in different order.
      subjects: index % 2 === 0 ? ["a", "b", "c", "d"] : ["e", "d", "c"],
    }));
    const answers = await Promise.all(
      askers.map((each) => askUntilAnswered({ db, logger }, each, request, { waitMs: 5_000, pollMs: 20 })),
    );
    expect(asked.flat().sort()).toEqual(["a", "b", "c", "d", "e"]);
    for (const [index, answer] of answers.entries()) {
      expect([...answer.keys()].sort()).toEqual([...(askers[index]?.subjects ?? [])].sort());
      for (const [subject, { status }] of answer) expect([subject, status]).toEqual([subject, "found"]);
    }
  });

  it("says busy while somebody else is asking, and keeps the claim as long as the asker lives", async () => {
    const { request, asked } = provider();
    const { gated, open } = gate(request);
    const slow = askOnce({ db, logger }, { ...ask, leaseMs: 300 }, gated);
    await eventually(async () => (await calls()).length === 1);
    // Well past the lease: it is renewed.
    await new Promise((resolve) => setTimeout(resolve, 900));
    const other = await askOnce({ db, logger }, { ...ask, field: "size" }, request);
    expect([...other.values()]).toEqual([{ status: "busy" }, { status: "busy" }, { status: "busy" }]);
    open();
    expect((await slow).get("a")).toMatchObject({ status: "found" });
    expect(asked).toHaveLength(1);
  });

  it("stops waiting at its deadline, with a time to come back", async () => {
    const { request } = provider();
    const { gated, open } = gate(request);
    const slow = askOnce({ db, logger }, ask, gated);
    await eventually(async () => (await calls()).length === 1);
    const waiting = askUntilAnswered({ db, logger }, { ...ask, field: "size" }, request, {
      waitMs: 200,
      pollMs: 50,
    });
    await expect(waiting).rejects.toMatchObject({ kind: "unavailable", retryAfterMs: 2_000 });
    open();
    await slow;
  });
});

describe("subjects that the answer does not speak of", () => {
  it("are missing, free again, cost nothing, and can be asked again under the same key", async () => {
    const { asked, request } = provider((subject) => (subject === "b" ? "missing" : "found"));
    const first = await askOnce({ db, logger }, ask, request);
    expect(first.get("b")).toEqual({ status: "missing" });
    expect(await statuses()).toEqual({ a: "found", c: "found" });
    expect(await calls()).toMatchObject([{ status: "settled", cost_micros: 14, reserved_cost_micros: 21 }]);
    for (const _ of [1, 2]) await askOnce({ db, logger }, { ...ask, subjects: ["b"] }, request);
    const found = await askOnce({ db, logger }, ask, provider().request);
    expect(found.get("b")).toMatchObject({ status: "found" });
    expect(asked).toEqual([["a", "b", "c"], ["b"], ["b"]]);
    expect((await calls()).map(({ attempts, cost_micros: cost }) => [attempts, cost])).toEqual([
      [1, 14],
      [3, 7],
    ]);
  });
});

describe("a request that fails", () => {
  it("frees its subjects, is on record, and the same call is reserved again", async () => {
    const tooFast = new ProviderError("test", "rate_limited", { httpStatus: 429 });
    await expect(askOnce({ db, logger }, ask, failing(tooFast))).rejects.toBe(tooFast);
    expect(await statuses()).toEqual({});
    expect(await calls()).toMatchObject([
      { status: "failed", error_kind: "rate_limited", http_status: 429, rate_limited: 1, cost_micros: 0 },
    ]);
    await expect(askOnce({ db, logger }, ask, failing(new Error("a bug")))).rejects.toThrow("a bug");
    await askOnce({ db, logger }, ask, provider().request);
    expect(await calls()).toMatchObject([
      { status: "settled", attempts: 3, rate_limited: 1, cost_micros: 21, error_kind: null },
    ]);
  });

  it("does not count a wait that our own limiter refused as the provider's 429", async () => {
    const full = new ProviderError("test", "rate_limited", { retryAfterMs: 5_000 });
    await expect(askOnce({ db, logger }, ask, failing(full))).rejects.toBe(full);
    expect(await calls()).toMatchObject([{ status: "failed", rate_limited: 0 }]);
  });

  it("lets another asker who waits go ahead", async () => {
    const { gated, open } = gate(failing(new ProviderError("test", "unavailable")));
    const failed = askOnce({ db, logger }, ask, gated).catch((error: ProviderError) => error.kind);
    await eventually(async () => (await calls()).length === 1);
    const { request, asked } = provider();
    const waiting = askUntilAnswered({ db, logger }, { ...ask, field: "size" }, request, {
      waitMs: 5_000,
      pollMs: 20,
    });
    open();
    expect(await failed).toBe("unavailable");
    expect((await waiting).get("a")).toMatchObject({ status: "found" });
    expect(asked).toHaveLength(1);
  });
});

describe("an asker that dies between reserving and settling", () => {
  it("is followed by another one, of the same field or a different one, when repeating is harmless", async () => {
    await leaveDeadCall(ask);
    const { asked, request } = provider();
    expect((await askOnce({ db, logger }, ask, request)).get("a")).toMatchObject({ status: "found" });
    expect(await calls()).toMatchObject([{ status: "settled", attempts: 2 }]);

    const elsewhere = { ...ask, subjects: ["x", "y"] };
    await leaveDeadCall(elsewhere);
    const other = await askOnce({ db, logger }, { ...elsewhere, field: "size", subjects: ["y"] }, request);
    expect(other.get("y")).toMatchObject({ status: "found" });
    expect(await calls()).toMatchObject([
      {},
      { status: "failed", error_kind: "lease_expired" },
      { status: "settled" },
    ]);
    // The dead one's other subject is free as well.
    expect(await statuses()).toEqual({ a: "found", b: "found", c: "found", y: "found" });
    expect(asked).toEqual([["a", "b", "c"], ["y"]]);
  });

  it("leaves an unknown outcome that nobody asks again, when a repeat could be paid twice", async () => {
    const paid = { ...ask, repeatable: false };
    await leaveDeadCall(paid);
    const { asked, request } = provider();
    for (const field of ["colour", "size", "colour"]) {
      const answers = await askUntilAnswered({ db, logger }, { ...paid, field }, request, { waitMs: 1_000 });
      expect([...answers.values()]).toEqual([
        { status: "unknown" },
        { status: "unknown" },
        { status: "unknown" },
      ]);
    }
    expect(asked).toEqual([]);
    expect(await calls()).toMatchObject([{ status: "unknown", reserved_cost_micros: 21, cost_micros: 0 }]);
  });

  it("is fenced off: what it brings in the end is not written", async () => {
    const late = gate(provider().request);
    const slow = askOnce({ db, logger }, { ...ask, leaseMs: 3_600_000 }, late.gated);
    await eventually(async () => (await calls()).length === 1);
    await owner.query(
      "UPDATE provider_calls SET lease_until = now() - interval '1 second' WHERE provider = $1",
      [ask.provider],
    );

    const newer = gate(provider().request);
    const taken = askOnce({ db, logger }, ask, newer.gated);
    await eventually(async () => (await calls())[0]?.attempts === 2);
    late.open();
    expect([...(await slow).values()]).toEqual([{ status: "busy" }, { status: "busy" }, { status: "busy" }]);
    expect(await statuses()).toEqual({ a: "claimed", b: "claimed", c: "claimed" });
    newer.open();
    expect((await taken).get("a")).toMatchObject({ status: "found" });
    expect(await calls()).toMatchObject([{ status: "settled", attempts: 2, cost_micros: 21 }]);
  });

  it("is told to stop when its call was taken over", async () => {
    let stopped = false;
    const slow = askOnce({ db, logger }, { ...ask, leaseMs: 300 }, (_, { signal }) => {
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          stopped = true;
          reject(signal.reason);
        });
      });
    });
    await eventually(async () => (await calls()).length === 1);
    await owner.query("UPDATE provider_calls SET attempts = attempts + 1 WHERE provider = $1", [
      ask.provider,
    ]);
    expect((await slow).get("a")).toEqual({ status: "busy" });
    expect(stopped).toBe(true);
  });
});

describe("a paid request that fails", () => {
  it("is unknown where the provider may have done it, and free again where it refused", async () => {
    const paid = { ...ask, repeatable: false };
    const { asked, request } = provider();
    await expect(
      askOnce({ db, logger }, paid, failing(new ProviderError("test", "rejected"))),
    ).rejects.toThrow();
    expect(await calls()).toMatchObject([{ status: "failed" }]);
    await expect(
      askOnce({ db, logger }, paid, failing(new ProviderError("test", "unavailable"))),
    ).rejects.toThrow();
    expect((await askOnce({ db, logger }, paid, request)).get("a")).toEqual({ status: "unknown" });
    expect(asked).toEqual([]);
  });
});
