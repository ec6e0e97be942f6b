import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createDb, type Db, inWorkspace, type Tx } from "#db/client.ts";
import { chunkWork, type WorkKey } from "#db/queries/chunk-work.ts";
import { planChunks } from "#db/queries/chunks.ts";
import { targetsOfField, writeFieldValues } from "#db/queries/field-values.ts";
import { jobProgress } from "#db/queries/jobs.ts";
import { SupersededError } from "#src/domain/errors.ts";
import type { FieldRequest } from "#src/events/enrichment.ts";
import {
  afterFailure,
  begin,
  type ChunkWorkDeps,
  finish,
  firstFields,
  type RunnablePlan,
  runAtOnce,
  startChunks,
  sweepOverdueWork,
  whileMine,
} from "#src/platform/chunk-work.ts";
import { createLogger } from "#src/platform/logger.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { type SeededJob, seedImportedJob, seedWorkspace } from "#tests/support/seed.ts";

const plan: RunnablePlan = {
  fields: [
    { id: "first", required: true, needs: [], freshMs: 0, absentMs: 0, order: "fixed" },
    { id: "second", required: true, needs: ["first"], freshMs: 0, absentMs: 0, order: "fixed" },
    { id: "slow", required: false, needs: [], freshMs: 0, absentMs: 0, order: "fixed" },
  ],
  stages: ["merge", "score"],
  maxOutstanding: new Map([
    ["first", 2],
    ["second", 2],
    ["slow", 1],
    ["merge", 2],
    ["score", 2],
  ]),
};

let database: TestDatabase;
let db: Db;
let deps: ChunkWorkDeps;
let job: SeededJob;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb(database.url);
});
afterAll(async () => {
  await db.$client.end();
  await database.drop();
});
beforeEach(async () => {
  deps = { db, logger: createLogger("silent"), config: { FIELD_DEADLINE_MS: 60_000, FIELD_RETRY_MS: 1000 } };
  job = await seedImportedJob(db, 250, { workspaceId: await seedWorkspace(database.url) });
  await inWorkspace(db, job.workspaceId, async (tx) => {
    await planChunks(tx, job, { importId: job.importId }, firstFields(plan));
    await startChunks(tx, deps, plan, job);
  });
});

/** Events in the outbox that no run has taken up, oldest first. */
const requests = (field?: string) =>
  inWorkspace(db, job.workspaceId, async (tx) => {
    const { rows } = await tx.execute<{ id: string; data: FieldRequest }>(sql`
      SELECT id, data FROM outbox WHERE consumed_at IS NULL ORDER BY id`);
    return rows.filter((row) => !field || row.data.field === field);
  });

const keyOf = (
  request: FieldRequest,
  runId = `run-${request.field}-${request.chunkId}-${request.attempt}`,
): WorkKey => ({
  ...request,
  runId,
});

/** Plays the engine for one event: a run that gives everybody a value. */
async function work(event: { id: string; data: FieldRequest }): Promise<void> {
  const key = keyOf(event.data);
  if (plan.stages.includes(key.field)) {
    await runAtOnce(deps, plan, key, event.id, async (tx) => {
      if (key.field === "score") await score(tx, key);
    });
    return;
  }
  if (!(await begin(deps, key, event.id))) return;
  await finish(deps, plan, key, { write: (tx) => giveValues(tx, key) });
}

async function giveValues(tx: Tx, key: WorkKey): Promise<void> {
  const now = new Date();
  const values = (await targetsOfField(tx, key)).map(({ id }) => ({
    prospectId: id,
    status: "found" as const,
    value: { answer: 42 },
    source: "test",
    confidencePct: 90,
    costMicros: 0,
    snapshotId: null,
    errorCode: null,
    observedAt: now,
    freshUntil: now,
  }));
  await writeFieldValues(tx, key, values);
}

const score = (tx: Tx, key: WorkKey) =>
  tx.execute(sql`
    UPDATE prospects SET status = 'enriched', tier = 'silver' FROM chunks
    WHERE chunks.id = ${key.chunkId} AND prospects.id = ANY(chunks.prospect_ids) AND prospects.status = 'imported'`);

/** How the work of an event stands. */
const statusOf = ({ chunkId, field }: FieldRequest) =>
  inWorkspace(db, job.workspaceId, async (tx) => (await chunkWork(tx, chunkId)).get(field)?.status);

const progress = () => inWorkspace(db, job.workspaceId, (tx) => jobProgress(tx, job.jobId));

async function drain(): Promise<number> {
  let worked = 0;
  for (let events = await requests(); events.length > 0; events = await requests()) {
    await Promise.all(events.map(work));
    worked += events.length;
  }
  return worked;
}

describe("the chain of work on chunks", () => {
  it("requests only as many chunks of a field as its window allows", async () => {
    expect(await requests("first")).toHaveLength(2);
    expect(await requests("slow")).toHaveLength(1);
  });

  it("brings every prospect to its end, each field once per chunk, whatever runs beside what", async () => {
    await drain();
    const done = await progress();
    expect(done).toMatchObject({
      status: "done",
      chunks: { total: 3, done: 3 },
      prospects: { total: 250, enriched: 250, failed: 0 },
      tiers: { silver: 250 },
    });
    expect(done?.fields.slow).toEqual({
      found: 250,
      notFound: 0,
      inReview: 0,
      failed: 0,
      skipped: 0,
      ineligible: 0,
      costMicros: 0,
    });
  });

  it("scores a chunk without waiting for its slow field, and again when that has come", async () => {
    const firstChunk = (await requests("first"))[0]?.data.chunkId;
    const ofChunk = async (field: string) =>
      (await requests(field)).find(({ data }) => data.chunkId === firstChunk) as {
        id: string;
        data: FieldRequest;
      };
    for (const field of ["first", "second", "merge", "score"]) await work(await ofChunk(field));
    expect((await progress())?.prospects.enriched).toBe(100);
    await work(await ofChunk("slow"));
    const again = await ofChunk("merge");
    expect(again.data.attempt).toBe(2);
  });

  it("lets one run of a request work, and no second one beside it", async () => {
    const [event] = await requests("first");
    if (!event) throw new Error("nothing was requested");
    expect(await begin(deps, keyOf(event.data, "run-1"), event.id)).toBe(true);
    expect(await begin(deps, keyOf(event.data, "run-1"), event.id)).toBe(true);
    expect(await begin(deps, keyOf(event.data, "run-2"), event.id)).toBe(false);
  });

  it("records an end once, however often the step that records it is repeated", async () => {
    const [event] = await requests("first");
    if (!event) throw new Error("nothing was requested");
    await work(event);
    await finish(deps, plan, keyOf(event.data));
    expect((await progress())?.fields.first?.found).toBe(100);
  });

  it("ends work with its last write, or neither", async () => {
    const event = (await requests("first"))[0] as Awaited<ReturnType<typeof requests>>[0];
    const key = keyOf(event.data);
    await begin(deps, key, event.id);
    const write = async (tx: Tx) => {
      await giveValues(tx, key);
      throw new Error("the connection is gone");
    };
    await expect(finish(deps, plan, key, { write })).rejects.toThrow("the connection is gone");
    expect(await statusOf(event.data)).toBe("running");
    expect(await whileMine(deps, key, (tx) => targetsOfField(tx, key))).toHaveLength(100);
    await finish(deps, plan, key, { write: (tx) => giveValues(tx, key) });
    expect(await statusOf(event.data)).toBe("done");
    expect((await progress())?.fields.first).toMatchObject({ found: 100 });
  });

  it("has not begun a run of one transaction that fails, and does not repeat one that has ended", async () => {
    const event = (await requests("first"))[0] as Awaited<ReturnType<typeof requests>>[0];
    const key = keyOf(event.data);
    const run = (write: (tx: Tx) => Promise<void>) => runAtOnce(deps, plan, key, event.id, write);
    const failing = run(async () => {
      throw new Error("the connection is gone");
    });
    await expect(failing).rejects.toThrow("the connection is gone");
    expect(await statusOf(event.data)).toBe("requested");
    expect((await requests("first")).map(({ id }) => id)).toContain(event.id);
    await run((tx) => giveValues(tx, key));
    expect(await statusOf(event.data)).toBe("done");
    expect(await run(() => Promise.reject(new Error("it ran again")))).toBe(false);
  });

  it("starts overdue work again with a new attempt, and fences off the old one", async () => {
    const [event] = await requests("first");
    if (!event) throw new Error("nothing was requested");
    const old = keyOf(event.data);
    await begin({ ...deps, config: { ...deps.config, FIELD_DEADLINE_MS: -1 } }, old, event.id);
    expect(await sweepOverdueWork(deps, plan)).toBe(1);
    expect(await sweepOverdueWork(deps, plan)).toBe(0);
    const again = (await requests("first")).find(({ data }) => data.chunkId === old.chunkId);
    expect(again?.data.attempt).toBe(2);
    await expect(whileMine(deps, old, (tx) => giveValues(tx, old))).rejects.toThrow(SupersededError);
    await expect(finish(deps, plan, old)).rejects.toThrow(SupersededError);
    await drain();
    expect(await progress()).toMatchObject({ status: "done", prospects: { enriched: 250 } });
  });

  it("asks again later after a failure that may pass", async () => {
    const [event] = await requests("first");
    if (!event) throw new Error("nothing was requested");
    await begin(deps, keyOf(event.data), event.id);
    await afterFailure(deps, plan, event.data, { code: "run_failed", message: "outage", lasting: false });
    const again = (await requests("first")).find(({ data }) => data.chunkId === event.data.chunkId);
    expect(again?.data.attempt).toBe(2);
  });

  it("ends the prospects that a required field failed for, keeps the rest, and finishes the job", async () => {
    const [event] = await requests("first");
    if (!event) throw new Error("nothing was requested");
    await begin(deps, keyOf(event.data), event.id);
    await afterFailure(deps, plan, event.data, { code: "run_failed", message: "no", lasting: true });
    await drain();
    expect(await progress()).toMatchObject({
      status: "done",
      prospects: { total: 250, enriched: 150, failed: 100 },
      fields: { first: { found: 150, failed: 100 }, second: { found: 150, skipped: 100 } },
    });
  });

  it("never fails a prospect for an optional field", async () => {
    const [event] = await requests("slow");
    if (!event) throw new Error("nothing was requested");
    await begin(deps, keyOf(event.data), event.id);
    await afterFailure(deps, plan, event.data, { code: "run_failed", message: "no", lasting: true });
    await drain();
    expect(await progress()).toMatchObject({
      status: "done",
      prospects: { enriched: 250, failed: 0 },
      fields: { slow: { found: 150, failed: 100 } },
    });
  });
});
