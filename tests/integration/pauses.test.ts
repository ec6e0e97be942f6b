import { randomUUID } from "node:crypto";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { z } from "zod";
import { createDb, type Db, inSystem, inWorkspace, type Tx } from "#db/client.ts";
import type { WorkKey } from "#db/queries/chunk-work.ts";
import { planChunks } from "#db/queries/chunks.ts";
import { claimDueEvents } from "#db/queries/outbox.ts";
import { listPauses } from "#db/queries/pauses.ts";
import type { PauseKind } from "#db/schema/pauses.ts";
import { askProvider } from "#functions/enrichment/ask-provider.ts";
import type { StepTools } from "#functions/enrichment/define-chunk-function.ts";
import { defineField } from "#functions/enrichment/define-field.ts";
import type { Deps } from "#src/deps.ts";
import { InvalidInputError, NotFoundError } from "#src/domain/errors.ts";
import { type FieldRequest, jobRequested } from "#src/events/enrichment.ts";
import {
  begin,
  finish,
  firstFields,
  giveBack,
  type RunnablePlan,
  startChunks,
  sweepWaitingWork,
  whileMine,
} from "#src/platform/chunk-work.ts";
import { createLogger } from "#src/platform/logger.ts";
import { beginUnlessPaused, pause, resume, sweepHeldEvents } from "#src/platform/operations/pauses.ts";
import { addToOutbox } from "#src/platform/outbox.ts";
import { createRedis, type Redis } from "#src/platform/redis.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { createReplica, FREE, inventedProvider, withoutProviders } from "#tests/support/gateways.ts";
import { type SeededJob, seedImportedJob, seedWorkspace } from "#tests/support/seed.ts";

const FIELD = "size";
const plan: RunnablePlan = {
  fields: [
    { id: FIELD, required: true, needs: [], freshMs: 86_400_000, absentMs: 86_400_000, order: "fixed" },
  ],
  stages: [],
  maxOutstanding: new Map([[FIELD, 2]]),
};

let database: TestDatabase;
let db: Db;
let redis: Redis;
let deps: Deps;
let job: SeededJob;
/** A provider of the test's own. */
let provider: string;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb(database.url);
  redis = createRedis(inject("redisUrl"));
  const config = { FIELD_DEADLINE_MS: 900_000, FIELD_RETRY_MS: 1_000 };
  const shared = { db, logger: createLogger("silent"), now: () => new Date() };
  deps = { ...shared, config, ...withoutProviders(shared) } as unknown as Deps;
});
afterAll(async () => {
  await db.$client.end();
  await redis.quit();
  await database.drop();
});
beforeEach(async () => {
  provider = `test-${randomUUID()}`;
  job = await seedImportedJob(db, 450, { workspaceId: await seedWorkspace(database.url) });
});

const inMine = <T>(work: (tx: Tx) => Promise<T>) => inWorkspace(db, job.workspaceId, work);

const paused = (kind: PauseKind, target = "") =>
  inMine(async (tx) => {
    const pausable = { functions: new Set([FIELD]), providers: new Set([provider]) };
    const wanted = { workspaceId: job.workspaceId, kind, target, reason: "a test", by: "tester" };
    return (await pause(tx, pausable, wanted)).id;
  });

const resumed = async (id: string) => {
  await inMine((tx) => resume(tx, id, "tester"));
  await sweepHeldEvents(deps);
  await sweepWaitingWork(deps, plan);
};

const start = () =>
  inMine(async (tx) => {
    await planChunks(tx, job, { importId: job.importId }, firstFields(plan));
    await startChunks(tx, deps, plan, job);
  });

/** What was requested and not taken up, oldest first, as the places of its chunks. */
const requests = () =>
  inMine(async (tx) => {
    const { rows } = await tx.execute<{ id: string; data: FieldRequest; seq: number }>(sql`
      SELECT o.id, o.data, c.seq FROM outbox o JOIN chunks c ON c.id = (o.data->>'chunkId')::uuid
      WHERE o.consumed_at IS NULL ORDER BY o.id`);
    return rows;
  });
const requested = async () => (await requests()).map(({ seq }) => seq);

const keyOf = (data: FieldRequest, runId = randomUUID()): WorkKey => ({ ...data, runId });

/** Plays the engine until nothing is requested any more; the chunks' places, in the order in which they were worked on. */
async function drain(): Promise<number[]> {
  const order: number[] = [];
  for (let [event] = await requests(); event; [event] = await requests()) {
    const key = keyOf(event.data);
    if (!(await begin(deps, key, event.id))) continue;
    order.push(event.seq);
    await finish(deps, plan, key);
  }
  return order;
}

describe.each(["function", "workspace"] as const)("a paused %s", (kind) => {
  const target = kind === "function" ? FIELD : "";

  it("requests nothing, and after it was resumed all of it, in order", async () => {
    const id = await paused(kind, target);
    await start();
    await sweepWaitingWork(deps, plan);
    expect(await requested()).toEqual([]);
    await resumed(id);
    expect(await requested()).toEqual([0, 1]);
    expect(await drain()).toEqual([0, 1, 2, 3, 4]);
  });

  it("lets what has begun end, and gives back what was only requested", async () => {
    await start();
    const [first, second] = await requests();
    if (!first || !second) throw new Error("nothing was requested");
    const running = keyOf(first.data);
    expect(await begin(deps, running, first.id)).toBe(true);

    const id = await paused(kind, target);
    expect(await begin(deps, keyOf(second.data), second.id)).toBe(false);
    // The same step again, as after a crash of the engine.
    expect(await begin(deps, keyOf(second.data), second.id)).toBe(false);
    await finish(deps, plan, running);
    expect(await requested()).toEqual([]);

    await resumed(id);
    expect(await requested()).toEqual([1, 2]);
    expect(await drain()).toEqual([1, 2, 3, 4]);
  });

  it("waits for the second pause when it was paused again", async () => {
    const first = await paused(kind, target);
    await start();
    await inMine((tx) => resume(tx, first, "tester"));
    const second = await paused(kind, target);
    await sweepWaitingWork(deps, plan);
    expect(await requested()).toEqual([]);
    await resumed(second);
    expect(await drain()).toEqual([0, 1, 2, 3, 4]);
  });

  it("leaves other workspaces alone", async () => {
    await paused(kind, target);
    job = await seedImportedJob(db, 150, { workspaceId: await seedWorkspace(database.url) });
    await start();
    expect(await drain()).toEqual([0, 1]);
  });
});

describe("pausing and resuming at any moment", () => {
  it("loses no chunk and works on none twice", async () => {
    job = await seedImportedJob(db, 2_000, { workspaceId: await seedWorkspace(database.url) });
    await start();
    const done: number[] = [];
    const deadline = Date.now() + 25_000;
    const ended = () => done.length >= 20 || Date.now() > deadline;
    const worker = async () => {
      while (!ended()) {
        const events = await requests();
        const event = events[Math.floor(Math.random() * events.length)];
        if (!event) {
          await sweepWaitingWork(deps, plan);
          continue;
        }
        const key = keyOf(event.data);
        if (!(await begin(deps, key, event.id))) continue;
        if (Math.random() < 0.3) await giveBack(deps, key, await paused("provider", provider));
        else {
          await finish(deps, plan, key);
          done.push(event.seq);
        }
      }
    };
    const operator = async () => {
      while (!ended()) {
        await (Math.random() < 0.5 ? paused("function", FIELD) : paused("workspace"));
        const active = await inMine((tx) => listPauses(tx, { active: true, beforeId: null, limit: 10 }));
        for (const { id } of active) await inMine((tx) => resume(tx, id, "tester"));
      }
    };
    await Promise.all([worker(), worker(), worker(), operator()]);
    expect(done.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, seq) => seq));
    const { rows } = await inMine((tx) =>
      tx.execute(sql`SELECT outstanding FROM job_fields WHERE job_id = ${job.jobId} AND field = ${FIELD}`),
    );
    expect(rows).toEqual([{ outstanding: 0 }]);
  });
});

describe("events of functions that work on no chunk", () => {
  const add = (count: number) =>
    inMine(async (tx) => {
      const jobIds = Array.from({ length: count }, () => randomUUID());
      for (const jobId of jobIds)
        await addToOutbox(tx, [jobRequested.create({ workspaceId: job.workspaceId, jobId })]);
      return jobIds;
    });
  const send = async () => {
    const due = await inSystem(db, (tx) => claimDueEvents(tx, { limit: 100, resendMs: 60_000 }));
    return due.filter(({ data }) => data.workspaceId === job.workspaceId);
  };
  const takeUp = (eventId: string) => inMine((tx) => beginUnlessPaused(tx, "start-enrichment-job", eventId));

  it.each(["function", "workspace"] as const)("wait for a paused %s, and come in order", async (kind) => {
    const id = await inMine((tx) =>
      pause(
        tx,
        { functions: new Set(["start-enrichment-job"]), providers: new Set() },
        {
          workspaceId: job.workspaceId,
          kind,
          target: kind === "function" ? "start-enrichment-job" : "",
          reason: "a test",
          by: "tester",
        },
      ),
    );
    const jobIds = await add(3);
    // They come to the engine in any order, and their first step may be repeated.
    for (const { id: eventId } of (await send()).reverse()) {
      expect(await takeUp(eventId)).toBe(false);
      expect(await takeUp(eventId)).toBe(false);
    }
    await sweepHeldEvents(deps);
    expect(await send()).toEqual([]);

    const later = await add(1);
    await resumed(id.id);
    const sent = await send();
    expect(sent.map(({ data }) => data.jobId)).toEqual([...jobIds, ...later]);
    for (const { id: eventId } of sent) expect(await takeUp(eventId)).toBe(true);
    expect(await send()).toEqual([]);
  });
});

describe("a provider and its sites", () => {
  const DOMAIN = "example.ro";
  /** Runs the field on the first chunk that is requested, by sources of which the second knows everybody. */
  async function run() {
    const { asked, ask } = inventedProvider();
    const { gateway } = createReplica({ db, redis }, provider, ask, {
      ...FREE,
      domainOf: (subject) => (subject.endsWith("7") ? DOMAIN : "other.ro"),
    });
    const backup = inventedProvider();
    const second = createReplica({ db, redis }, `${provider}-backup`, backup.ask, FREE).gateway;
    const field = defineField({
      id: FIELD,
      schema: z.object({ size: z.number() }),
      concurrency: 1,
      retries: 0,
      sources: [gateway, second].map((each) =>
        askProvider({
          provider: each.provider,
          operation: () => each,
          subject: ({ cui }) => String(cui),
          pick: () => ({ value: { size: 1 }, confidencePct: 90 }),
        }),
      ),
    });
    const [event] = await requests();
    if (!event) throw new Error("nothing was requested");
    const key = keyOf(event.data);
    const step = { run: (_: string, work: () => unknown) => work() } as unknown as StepTools;
    const result = await field.work(deps, { key, eventId: event.id }, step, plan);
    return { seq: event.seq, result, asked: asked.flat().length, askedBackup: backup.asked.length, key };
  }

  it("gives its work back without asking anybody else, and is asked once it was resumed", async () => {
    await start();
    const id = await paused("provider", provider);
    const waiting = await run();
    expect(waiting).toMatchObject({ seq: 0, result: false, asked: 0, askedBackup: 0 });
    await sweepWaitingWork(deps, plan);
    // What comes after it waits behind it.
    expect(await requested()).toEqual([1]);
    await expect(whileMine(deps, waiting.key, async () => {})).rejects.toThrow("newer attempt");

    expect(await run()).toMatchObject({ seq: 1, result: false });
    await resumed(id);
    expect(await requested()).toEqual([0, 1]);
    expect(await run()).toMatchObject({ seq: 0, result: { found: 100 }, asked: 100 });
  });

  it("asks about all but the paused site, and about that when it was resumed", async () => {
    await start();
    const id = await paused("domain", DOMAIN);
    expect(await run()).toMatchObject({ seq: 0, result: false, asked: 90, askedBackup: 0 });
    await resumed(id);
    const again = (await requests()).find(({ seq }) => seq === 0);
    expect(again).toBeDefined();
    await inMine((tx) => tx.execute(sql`DELETE FROM outbox WHERE id <> ${again?.id}`));
    expect(await run()).toMatchObject({ seq: 0, result: { found: 10 }, asked: 10 });
  });
});

describe("pausing", () => {
  it("is the same pause when it is repeated, and resuming can be repeated too", async () => {
    const id = await paused("provider", provider);
    expect(await paused("provider", provider)).toBe(id);
    expect(await inMine((tx) => resume(tx, id, "tester"))).toBe(true);
    expect(await inMine((tx) => resume(tx, id, "tester"))).toBe(false);
    expect(await paused("provider", provider)).not.toBe(id);
  });

  it("refuses what there is not", async () => {
    await expect(paused("function", "no-such-function")).rejects.toThrow(InvalidInputError);
    await expect(paused("provider", "nobody")).rejects.toThrow(`There is no provider nobody; there are`);
    await expect(inMine((tx) => resume(tx, randomUUID(), "tester"))).rejects.toThrow(NotFoundError);
  });

  it("cannot be rewritten by the app's role: only lifted", async () => {
    const id = await paused("workspace");
    const rewrite = inMine((tx) => tx.execute(sql`UPDATE pauses SET reason = 'x' WHERE id = ${id}`));
    await expect(rewrite).rejects.toMatchObject({ cause: { code: "42501" } });
  });
});
