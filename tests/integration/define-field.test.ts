import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { createDb, type Db, inWorkspace } from "#db/client.ts";
import type { WorkKey } from "#db/queries/chunk-work.ts";
import { planChunks } from "#db/queries/chunks.ts";
import type { StepTools } from "#functions/enrichment/define-chunk-function.ts";
import { defineField } from "#functions/enrichment/define-field.ts";
import type { Source, SourceAnswer } from "#functions/enrichment/source.ts";
import type { Deps } from "#src/deps.ts";
import type { RunnableField, RunnablePlan } from "#src/platform/chunk-work.ts";
import { createLogger } from "#src/platform/logger.ts";
import { ProviderError } from "#src/platform/provider-error.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { withoutProviders } from "#tests/support/gateways.ts";
import { type SeededJob, seedImportedJob, seedWorkspace } from "#tests/support/seed.ts";

type Value = { size: number };

let database: TestDatabase;
let db: Db;
let deps: Deps;
let job: SeededJob;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb(database.url);
  const config = { FIELD_DEADLINE_MS: 900_000, FIELD_RETRY_MS: 1_000 };
  // What a field itself leans on; its sources here ask nobody.
  const shared = { db, logger: createLogger("silent"), now: () => new Date() };
  deps = { ...shared, config, ...withoutProviders(shared) } as unknown as Deps;
});
afterAll(async () => {
  await db.$client.end();
  await database.drop();
});
beforeEach(async () => {
  waits = [];
  job = await seedImportedJob(db, 5, { workspaceId: await seedWorkspace(database.url) });
});

/** What the field has slept since the test began, in milliseconds. */
let waits: number[];

/** Runs the field on the seeded chunk, as its function would, `times` over: as if the engine had not heard of its end. */
async function run(sources: Source<Value>[], line: Partial<RunnableField> = {}, times = 1) {
  const plan: RunnablePlan = {
    fields: [
      {
        id: "size",
        required: false,
        needs: [],
        freshMs: 86_400_000,
        absentMs: 86_400_000,
        order: "fixed",
        ...line,
      },
    ],
    stages: [],
    maxOutstanding: new Map([["size", 5]]),
  };
  const field = defineField({
    id: "size",
    schema: z.looseObject({ size: z.number() }),
    concurrency: 1,
    retries: 0,
    sources,
  });
  const key = await inWorkspace(db, job.workspaceId, async (tx) => {
    await planChunks(tx, job, { importId: job.importId }, ["size"]);
    await tx.execute(sql`UPDATE chunk_fields SET status = 'requested' WHERE job_id = ${job.jobId}`);
    const { rows } = await tx.execute<{ id: string }>(sql`SELECT id FROM chunks WHERE job_id = ${job.jobId}`);
    return { ...job, chunkId: rows[0]?.id ?? "", field: "size", attempt: 1, runId: "run" } satisfies WorkKey;
  });
  const step = {
    run: (_: string, work: () => unknown) => work(),
    sleep: async (_: string, ms: number) => {
      waits.push(ms);
    },
  } as unknown as StepTools;
  const work = () => field.work(deps, { key, eventId: undefined }, step, plan);
  for (let time = 1; time < times; time++) await work();
  return work();
}

const values = () =>
  inWorkspace(db, job.workspaceId, async (tx) => {
    const { rows } = await tx.execute<{ n: number; status: string; value: Value; source: string }>(sql`
      SELECT p.line_number::int AS n, v.status, v.value, v.source, v.cost_micros::int AS cost, v.error_code AS code
      FROM field_values v JOIN prospects p ON p.id = v.prospect_id WHERE v.field = 'size' ORDER BY 1`);
    return rows;
  });

/** A source that says something by the prospect's number (1 to 5), and notes whom it was asked about. */
function source(
  provider: string,
  say: (n: number, time: number) => SourceAnswer<Value> | undefined,
  priceMicros = 0,
): Source<Value> & { asked: number[][] } {
  const asked: number[][] = [];
  return {
    provider,
    asked,
    priceMicros: () => priceMicros,
    async ask(_deps, _key, targets) {
      asked.push(targets.map(({ cui }) => cui - 1_000_000));
      const answers = targets.map(({ id, cui }) => [id, say(cui - 1_000_000, asked.length)] as const);
      return new Map(
        answers.filter((entry): entry is [string, SourceAnswer<Value>] => entry[1] !== undefined),
      );
    },
  };
}
const at = { snapshotId: null, observedAt: new Date() };
const found = (size: number, costMicros = 0): SourceAnswer<Value> => ({
  ...{ status: "found", value: { size }, confidencePct: 80, costMicros },
  ...at,
});
const notFound = (costMicros = 0): SourceAnswer<Value> => ({ status: "notFound", costMicros, ...at });
const failed = (retryable: boolean): SourceAnswer<Value> => ({ status: "failed", code: "odd", retryable });

describe("the waterfall of a field", () => {
  it("asks the next source only about those whom the one before has not found, and adds up what it cost", async () => {
    const first = source("first", (n) => (n <= 2 ? found(n, 10) : notFound(10)));
    const second = source("second", (n) => (n === 3 ? found(n, 5) : notFound()));
    expect(await run([first, second])).toEqual({
      found: 3,
      notFound: 2,
      inReview: 0,
      failed: 0,
      ineligible: 0,
    });
    expect([first.asked, second.asked]).toEqual([[[1, 2, 3, 4, 5]], [[3, 4, 5]]]);
    expect(await values()).toMatchObject([
      { n: 1, status: "found", source: "first", cost: 10 },
      { n: 2, status: "found", source: "first", cost: 10 },
      { n: 3, status: "found", source: "second", value: { size: 3 }, cost: 15 },
      { n: 4, status: "not_found", source: "first", cost: 10 },
      { n: 5, status: "not_found", source: "first", cost: 10 },
    ]);
  });

  it("asks again about those who failed for now, three times in all", async () => {
    const only = source("only", (n, time) =>
      n === 1 ? failed(true) : n === 2 && time < 2 ? undefined : found(n),
    );
    expect(await run([only])).toEqual({ found: 4, notFound: 0, inReview: 0, failed: 1, ineligible: 0 });
    expect(only.asked).toEqual([[1, 2, 3, 4, 5], [1, 2], [1]]);
    expect((await values())[0]).toMatchObject({ n: 1, status: "failed", code: "odd" });
  });

  it("does nothing when a run that has finished is repeated", async () => {
    const only = source("only", found);
    expect(await run([only], {}, 2)).toBe(false);
    expect(only.asked).toHaveLength(1);
    expect((await values()).map(({ status }) => status)).toEqual(Array(5).fill("found"));
  });

  it("lets no later source hide that an earlier one failed for now", async () => {
    const first = source("first", (_, time) => (time === 1 ? failed(true) : found(7)));
    const second = source("second", () => notFound());
    expect(await run([first, second])).toMatchObject({ found: 5, notFound: 0 });
  });

  it("takes the word of one that has looked over the failure of another", async () => {
    const first = source("first", () => failed(false));
    const second = source("second", (n) => (n === 1 ? failed(false) : notFound()));
    expect(await run([first, second])).toMatchObject({ failed: 1, notFound: 4 });
  });

  it("leaves the question open where a source was not asked for want of money", async () => {
    const dear = source("dear", () => ({ ...failed(false), notAsked: true }) as SourceAnswer<Value>);
    const free = source("free", (n) => (n === 1 ? found(n) : notFound()));
    expect(await run([dear, free])).toMatchObject({ found: 1, notFound: 0, failed: 4 });
  });

  it("keeps what it has and comes back later when all that is left is unavailable", async () => {
    const first = source("first", (n, time) =>
      n === 1 ? found(1) : time < 3 ? { status: "unavailable" } : found(n),
    );
    const second = source("second", (n) => (n === 2 ? found(2) : { status: "passed" }));
    expect(await run([first, second])).toMatchObject({ found: 5, failed: 0 });
    expect(waits).toEqual([30_000, 60_000]);
    expect(first.asked).toEqual([
      [1, 2, 3, 4, 5],
      [3, 4, 5],
      [3, 4, 5],
    ]);
  });

  it("waits as long as a provider asks for, which costs no retries, and keeps what others got", async () => {
    const slow = source("slow", (n) => found(n));
    const { ask } = slow;
    let time = 0;
    slow.ask = (...args) => {
      time += 1;
      if (time <= 5) throw new ProviderError("slow", "rate_limited", { retryAfterMs: 1_000 });
      return ask(...args);
    };
    const first = source("first", (n) => (n <= 3 ? found(n) : notFound()));
    expect(await run([first, slow])).toMatchObject({ found: 5 });
    expect(waits).toEqual([1_000, 1_000, 1_000, 1_000, 1_000]);
  });

  it("gives up on a provider that never comes back", async () => {
    const only = source("only", () => ({ status: "unavailable" }));
    expect(await run([only])).toMatchObject({ found: 0, failed: 5 });
    expect((await values())[0]).toMatchObject({ status: "failed", code: "provider_unavailable" });
    expect(waits).toHaveLength(400);
    expect(Math.max(...waits)).toBe(300_000);
  });

  it("asks no source that the plan's price for one prospect does not allow for", async () => {
    const cheap = source("cheap", () => notFound(30), 30);
    const dear = source("dear", (n) => found(n, 80), 80);
    const last = source("last", (n) => found(n, 20), 20);
    expect(await run([cheap, dear, last], { maxCostMicros: 60 })).toMatchObject({ found: 5 });
    expect([cheap.asked.length, dear.asked.length, last.asked.length]).toEqual([1, 0, 1]);
    expect(await values()).toMatchObject(Array.from({ length: 5 }, () => ({ source: "last", cost: 50 })));
  });

  it("masks personal numbers, and leaves the trade register's own alone", async () => {
    const numbers = { registrationNumber: "J2009000111219", slip: "CNP 1800101410019" };
    const odd = source(
      "odd",
      (n) => ({ ...found(n), value: { size: n, ...numbers } }) as SourceAnswer<Value>,
    );
    expect(await run([odd])).toMatchObject({ found: 5 });
    expect((await values())[0]?.value).toEqual({
      size: 1,
      registrationNumber: "J2009000111219",
      slip: "CNP [CNP]",
    });
  });

  it("refuses a value that does not fit", async () => {
    const odd = source("odd", (n) => (n === 1 ? found("many" as unknown as number) : found(n)));
    expect(await run([odd])).toMatchObject({ found: 4, failed: 1 });
    expect((await values())[0]).toMatchObject({ status: "failed", code: "bad_value" });
  });
});

describe("who is asked about", () => {
  it("is who meets the plan's rule; the others are counted, and get no value", async () => {
    await inWorkspace(db, job.workspaceId, (tx) =>
      tx.execute(sql`
        UPDATE prospects SET tier = 'silver', golden = jsonb_build_object('deregistered', jsonb_build_object(
          'value', line_number = 2)), is_natural_person = (line_number = 3)
        WHERE line_number <= 3`),
    );
    const only = source("only", (n) => found(n));
    const rule = { when: { active: true, company: true, tier: "bronze" } } as const;
    expect(await run([only], rule)).toEqual({ found: 1, notFound: 0, inReview: 0, failed: 0, ineligible: 4 });
    expect(only.asked).toEqual([[1]]);
    expect(await values()).toHaveLength(1);
  });

  it("is nobody when every source passes", async () => {
    expect(await run([source("off", () => ({ status: "passed" }))])).toMatchObject({
      found: 0,
      ineligible: 5,
    });
    expect(await values()).toEqual([]);
  });

  it("tells sources the values of the fields that the plan needs", async () => {
    await inWorkspace(db, job.workspaceId, (tx) =>
      tx.execute(sql`
        INSERT INTO field_values (workspace_id, prospect_id, job_id, field, status, value, observed_at, fresh_until)
        SELECT workspace_id, id, ${job.jobId}::uuid, 'web', 'found', '{"domain": "a.example"}', now(), now()
        FROM prospects WHERE line_number = 4`),
    );
    const seen: unknown[] = [];
    const only: Source<Value> = {
      provider: "only",
      async ask(_deps, _key, targets) {
        seen.push(...targets.map(({ values: known }) => known));
        return new Map(targets.map(({ id }) => [id, notFound()]));
      },
    };
    await run([only], { needs: ["web"] });
    expect(seen).toEqual([{}, {}, {}, { web: { domain: "a.example" } }, {}]);
  });
});
