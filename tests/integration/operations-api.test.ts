/** The operations API over the real functions of this release; no engine is there, so that nothing runs by itself. */
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { inWorkspace, type Tx } from "#db/client.ts";
import type { WorkKey } from "#db/queries/chunk-work.ts";
import { planChunks } from "#db/queries/chunks.ts";
import { DEFAULT_WORKSPACE_ID as workspaceId } from "#db/schema/workspaces.ts";
import { createFunctions, enrichmentPlan as plan } from "#functions/registry.ts";
import { closeDeps, createDeps, type Deps } from "#src/deps.ts";
import { SupersededError } from "#src/domain/errors.ts";
import { createApp } from "#src/http/app.ts";
import {
  afterFailure,
  begin,
  finish,
  firstFields,
  startChunks,
  sweepOverdueWork,
  sweepWaitingWork,
  whileMine,
} from "#src/platform/chunk-work.ts";
import { sweepCancelledJobs } from "#src/platform/operations/cancel-job.ts";
import { testConfig } from "#tests/support/config.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { eventually } from "#tests/support/eventually.ts";
import { createReplica, gate, inventedProvider, look } from "#tests/support/gateways.ts";
import { asService } from "#tests/support/secret-keys.ts";
import { type SeededJob, seedImportedJob } from "#tests/support/seed.ts";

let database: TestDatabase;
let uploads: string;
let deps: Deps;
let app: ReturnType<typeof createApp>;
let job: SeededJob;
let firstCui = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  uploads = await mkdtemp(join(tmpdir(), "operations-"));
  const config = testConfig(database.url, {
    UPLOAD_DIR: uploads,
  });
  deps = createDeps(config);
  app = createApp(deps, {
    functions: createFunctions(deps),
    plan,
    sources: new Map(),
    isSynced: () => true,
    metricsText: async () => "",
  });
});
afterAll(async () => {
  await closeDeps(deps);
  await database.drop();
  await rm(uploads, { recursive: true });
});
beforeEach(async () => {
  firstCui += 10_000;
  job = await seedImportedJob(deps.db, 250, { firstCui: 1_000_000 + firstCui });
});

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at part by part
async function request(method: string, path: string, body?: unknown): Promise<{ status: number; body: any }> {
  const headers = { ...asService, "content-type": "application/json" };
  const init = body ? { body: JSON.stringify(body) } : {};
  const response = await app.request(`/api/v1${path}`, { method, headers, ...init });
  return { status: response.status, body: await response.json() };
}

const inMine = <T>(work: (tx: Tx) => Promise<T>) => inWorkspace(deps.db, workspaceId, work);

const start = () =>
  inMine(async (tx) => {
    await planChunks(tx, job, { importId: job.importId }, firstFields(plan));
    await startChunks(tx, deps, plan, job);
  });

/** A run of the job's first request for the field. */
async function run(field: string): Promise<WorkKey & { eventId: string }> {
  const { rows } = await inMine((tx) =>
    tx.execute<{ id: string; data: WorkKey }>(sql`
      SELECT id, data FROM outbox
      WHERE consumed_at IS NULL AND data->>'jobId' = ${job.jobId} AND data->>'field' = ${field} ORDER BY id LIMIT 1`),
  );
  const [event] = rows;
  if (!event) throw new Error(`no request for ${field}`);
  return { ...event.data, runId: randomUUID(), eventId: event.id };
}

const count = async (what: string) => {
  const { rows } = await inMine((tx) =>
    tx.execute<{ status: string; n: number }>(
      sql`SELECT status, count(*)::int AS n FROM ${sql.identifier(what)} WHERE job_id = ${job.jobId} GROUP BY status`,
    ),
  );
  return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
};

describe("pauses", () => {
  it("are made, listed and lifted, and name what they are about", async () => {
    const made = await request("POST", "/operations/pauses", {
      kind: "domain",
      target: "www.Agro-X.ro",
      reason: "Its owner has asked us to.",
    });
    expect(made).toMatchObject({ status: 201, body: { data: { pauseId: expect.any(String) } } });
    const { pauseId } = made.body.data;
    const listed = await request("GET", "/operations/pauses");
    expect(listed.body.data).toMatchObject([
      { id: pauseId, kind: "domain", target: "agro-x.ro", liftedAt: null },
    ]);
    expect((await request("DELETE", `/operations/pauses/${pauseId}`)).status).toBe(200);
    expect((await request("DELETE", `/operations/pauses/${pauseId}`)).status).toBe(200);
    expect((await request("GET", "/operations/pauses")).body.data).toEqual([]);
    const all = await request("GET", "/operations/pauses?active=false");
    expect(all.body.data).toMatchObject([{ id: pauseId, liftedAt: expect.any(String) }]);
  });

  it.each([
    { kind: "workspace", target: "something" },
    { kind: "provider", target: "nobody" },
    { kind: "function", target: "no-such-function" },
    { kind: "function" },
    // It works for all workspaces.
    { kind: "function", target: "schedule-retention" },
    { kind: "domain", target: "10.0.0.1" },
  ])("refuse $kind $target", async (pause) => {
    const { status, body } = await request("POST", "/operations/pauses", { ...pause, reason: "a test" });
    expect({ status, code: body.error.code }).toEqual({ status: 422, code: "unknown_target" });
  });

  it("answer 404 for an id that nobody has", async () => {
    expect((await request("DELETE", `/operations/pauses/${randomUUID()}`)).status).toBe(404);
  });
});

describe("jobs", () => {
  it("are listed page by page, by status", async () => {
    await start();
    const other = await seedImportedJob(deps.db, 1, { firstCui: 1_000_000 + firstCui + 5_000 });
    const first = await request("GET", "/jobs?limit=1");
    expect(first.body.data).toMatchObject([{ id: other.jobId, kind: "import", status: "importing" }]);
    const next = await request("GET", `/jobs?limit=1&cursor=${first.body.meta.nextCursor}`);
    expect(next.body.data).toMatchObject([
      { id: job.jobId, status: "enriching", prospects: 250, chunks: { total: 3, done: 0 } },
    ]);
    const enriching = await request("GET", "/jobs?status=enriching&kind=import");
    expect(enriching.body.data.map(({ status }: { status: string }) => status)).not.toContain("importing");
  });

  it("are cancelled: nothing begins, what runs is fenced off, and nothing starts it again", async () => {
    await start();
    const running = await run("cui-validation");
    expect(await begin(deps, running, running.eventId)).toBe(true);
    const waiting = { ...(await run("cui-validation")) };

    const cancelled = await request("POST", `/jobs/${job.jobId}/cancel`);
    expect(cancelled).toMatchObject({ status: 200, body: { data: { status: "cancelled" } } });
    expect(await count("chunk_fields")).toEqual({ cancelled: 3 * firstFields(plan).length });
    expect(await count("chunks")).toEqual({ cancelled: 3 });

    await expect(whileMine(deps, running, async () => {})).rejects.toThrow(SupersededError);
    await expect(finish(deps, plan, running)).rejects.toThrow(SupersededError);
    await afterFailure(deps, plan, running, { code: "run_failed", message: "superseded", lasting: true });
    expect(await begin(deps, waiting, waiting.eventId)).toBe(false);
    await sweepOverdueWork(deps, plan);
    await sweepWaitingWork(deps, plan);
    expect(await count("chunk_fields")).toEqual({ cancelled: 3 * firstFields(plan).length });

    expect((await request("GET", `/jobs/${job.jobId}`)).body.data.status).toBe("cancelled");
    expect((await request("POST", `/jobs/${job.jobId}/cancel`)).status).toBe(200);
  });

  it("are cancelled before their file is loaded, which is removed", async () => {
    const file = join(uploads, `${job.importId}.main.upload`);
    await writeFile(file, "x");
    await inMine((tx) =>
      tx.execute(sql`UPDATE imports SET status = 'loading', file_path = ${file} WHERE id = ${job.importId}`),
    );
    expect((await request("POST", `/jobs/${job.jobId}/cancel`)).status).toBe(200);
    expect(existsSync(file)).toBe(false);
    expect(
      await inMine((tx) => planChunks(tx, job, { importId: job.importId }, firstFields(plan))),
    ).toBeNull();
  });

  it("that were being cancelled when the process died are ended by the sweeper", async () => {
    await start();
    await inMine((tx) => tx.execute(sql`UPDATE jobs SET status = 'cancelling' WHERE id = ${job.jobId}`));
    expect(await sweepCancelledJobs(deps, plan)).toBe(1);
    expect(await sweepCancelledJobs(deps, plan)).toBe(0);
    expect((await request("GET", `/jobs/${job.jobId}`)).body.data.status).toBe("cancelled");
  });

  it("that end at the same moment are done or cancelled, and either way nothing is left of them", async () => {
    await start();
    const keys: WorkKey[] = [];
    for (const field of firstFields(plan)) {
      const key = await run(field);
      await begin(deps, key, key.eventId);
      keys.push(key);
    }
    const [cancelled] = await Promise.all([
      request("POST", `/jobs/${job.jobId}/cancel`),
      ...keys.map((key) => finish(deps, plan, key).catch(() => {})),
    ]);
    expect(cancelled.status).toBe(200);
    const { cancelled: ended = 0, done = 0, ...rest } = await count("chunk_fields");
    expect({ rest, all: ended > 0 && done <= keys.length }).toEqual({ rest: {}, all: true });
  });

  it("have what they are paying for settled, and its answer kept, also when they are cancelled meanwhile", async () => {
    await start();
    const { asked, ask } = inventedProvider();
    const { gated, open } = gate(ask);
    const { gateway } = createReplica(deps, `test-${randomUUID()}`, gated);
    const context = { workspaceId, jobId: job.jobId, field: "cui-validation" };
    const looking = look(gateway, context, ["one", "two"]);
    const calls = () => count("provider_calls");
    await eventually(async () => (await calls()).sending === 2);
    expect((await request("POST", `/jobs/${job.jobId}/cancel`)).status).toBe(200);
    open();
    expect([...(await looking).values()].map((result) => result?.status)).toEqual(["found", "found"]);
    expect(asked).toHaveLength(2);
    expect(await calls()).toEqual({ settled: 2 });
  });

  it("cannot be cancelled when they have ended, or are not there", async () => {
    await inMine((tx) => tx.execute(sql`UPDATE jobs SET status = 'done' WHERE id = ${job.jobId}`));
    const ended = await request("POST", `/jobs/${job.jobId}/cancel`);
    expect({ status: ended.status, code: ended.body.error.code }).toEqual({ status: 409, code: "job_ended" });
    expect((await request("POST", `/jobs/${randomUUID()}/cancel`)).status).toBe(404);
  });
});

describe("retries", () => {
  it("are counted first, by field and code, and then asked as one job", async () => {
    await start();
    const key = await run("cui-validation");
    await begin(deps, key, key.eventId);
    await afterFailure(deps, plan, key, { code: "run_failed", message: "no", lasting: true });
    const filter = { jobId: job.jobId, field: "cui-validation" };

    const counted = await request("POST", "/operations/retries", { filter, dryRun: true });
    const counts = [{ field: "cui-validation", code: "run_failed", count: 100 }];
    expect(counted).toMatchObject({ status: 200, body: { data: { counts, prospects: 100, jobId: null } } });

    const begun = await request("POST", "/operations/retries", { filter });
    expect(begun).toMatchObject({ status: 202, body: { data: { counts, fields: ["cui-validation"] } } });
    const { jobId } = begun.body.data;
    expect((await request("GET", `/jobs/${jobId}`)).body.data).toMatchObject({
      kind: "enrich",
      status: "queued",
    });

    const none = await request("POST", "/operations/retries", { filter: { code: "no_such_code" } });
    expect(none.status).toBe(404);
  });
});

describe("functions", () => {
  it("show what they declare, what waits for them, what failed and what keeps them from beginning", async () => {
    await start();
    const failing = await run("cui-validation");
    await begin(deps, failing, failing.eventId);
    await afterFailure(deps, plan, failing, { code: "run_failed", message: "no", lasting: true });
    const { body } = await request("POST", "/operations/pauses", {
      kind: "function",
      target: "cui-validation",
      reason: "a test",
    });
    const { pauseId } = body.data;
    const states = (await request("GET", "/operations/functions")).body.data;
    await request("DELETE", `/operations/pauses/${pauseId}`);
    const of = (id: string) => states.find((each: { id: string }) => each.id === id);
    expect(of("cui-validation")).toMatchObject({
      concurrency: 5,
      retries: expect.any(Number),
      pausedBy: pauseId,
      waiting: expect.any(Number),
      running: 0,
      lastError: { code: "run_failed", message: "no" },
    });
    expect(of("cui-validation").waiting).toBeGreaterThan(0);
    expect(of("cui-validation").failed).toBeGreaterThan(0);
    expect(of("start-enrichment-job")).toMatchObject({ pausedBy: null, running: null, failed: null });
    expect(states.map(({ id }: { id: string }) => id)).toEqual(createFunctions(deps).map((fn) => fn.id()));
  });
});

describe("health", () => {
  it("tells of every part in a sentence, and of the whole by its worst", async () => {
    const { pauseId } = (
      await request("POST", "/operations/pauses", { kind: "provider", target: "anaf", reason: "a test" })
    ).body.data;
    const { status, body } = await request("GET", "/operations/health");
    await request("DELETE", `/operations/pauses/${pauseId}`);
    expect(status).toBe(200);
    expect(body.data.state).toBe("down");
    const of = (part: string) => body.data.parts.find((each: { part: string }) => each.part === part);
    expect(of("postgres").state).toBe("ok");
    expect(of("redis").state).toBe("ok");
    expect(of("engine")).toMatchObject({ state: "down", sentence: "It cannot be reached." });
    expect(of("outbox").sentence).toMatch(/events wait to be taken up, the oldest for \d+ s\.$/);
    expect(of("uploads").sentence).toMatch(/GB are free/);
    expect(of("sweeper").state).toBe("ok");
    expect(of("provider:anaf")).toMatchObject({ state: "off", sentence: "It is paused." });
    expect(of("provider:hunter")).toMatchObject({ state: "off", sentence: "Its credentials are not set." });
    expect(body.data.parts.filter(({ part }: { part: string }) => part.startsWith("provider:"))).toHaveLength(
      deps.providerRuntimes.length,
    );
  });
});
