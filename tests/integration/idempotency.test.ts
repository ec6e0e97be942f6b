/** Requests with an Idempotency-Key: one effect, one answer, whoever dies when. */
import { randomUUID } from "node:crypto";
import { sql } from "drizzle-orm";
import { Hono } from "hono";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { createDb, type Db, inWorkspace, type Tx } from "#db/client.ts";
import { ConflictError } from "#src/domain/errors.ts";
import { endpoint } from "#src/http/endpoint.ts";
import type { AppEnv } from "#src/http/envelope.ts";
import { errorHandler } from "#src/http/errors.ts";
import { requestLog } from "#src/http/middleware/request.ts";
import { mount } from "#src/http/mount.ts";
import { createIdempotency, type Idempotency } from "#src/platform/idempotency.ts";
import { createLogger } from "#src/platform/logger.ts";
import { createVault } from "#src/platform/vault.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { seedWorkspace } from "#tests/support/seed.ts";

const logger = createLogger("silent");
let database: TestDatabase;
let db: Db;
let owner: pg.Client;
let idempotency: Idempotency;
let workspaceId: string;
let caller: string;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb(database.url, { max: 20 });
  owner = new pg.Client({ connectionString: database.url });
  await owner.connect();
  const vault = createVault([{ id: "k1", key: Buffer.alloc(32, 7) }]);
  idempotency = createIdempotency({ db, vault, logger });
});
afterAll(async () => {
  await owner.end();
  await db.$client.end();
  await database.drop();
});
beforeEach(async () => {
  workspaceId = await seedWorkspace(database.url);
  caller = "ana";
});

/** The effect that is counted. */
async function makeJob(tx: Tx): Promise<string> {
  const { rows } = await tx.execute<{ id: string }>(
    sql`INSERT INTO jobs (workspace_id, kind) VALUES (${workspaceId}, 'enrich') RETURNING id`,
  );
  return (rows[0] as { id: string }).id;
}
const jobs = async () =>
  (await owner.query("SELECT id FROM jobs WHERE workspace_id = $1", [workspaceId])).rows.length;

const makeThing = endpoint(
  {
    method: "post",
    path: "/things",
    tag: "things",
    role: "viewer",
    summary: "Makes a thing",
    body: z.strictObject({ name: z.string(), refuse: z.boolean().default(false) }),
    answer: z.object({ jobId: z.uuid(), secret: z.string() }),
    status: 201,
  },
  async ({ body, audit }) => {
    const jobId = await inWorkspace(db, workspaceId, async (tx) => {
      const id = await makeJob(tx);
      await audit(tx, { action: "thing.made", subject: { kind: "thing", id } });
      if (body.refuse) throw new ConflictError("refused", "Not now.");
      return id;
    });
    return { jobId, secret: `shown once: ${jobId}` };
  },
);

function app() {
  const made = new Hono<AppEnv>();
  made.onError(errorHandler(logger));
  made.use(requestLog(logger), async (c, next) => {
    c.set("workspaceId", workspaceId);
    c.set("principal", { kind: "user", id: caller, workspaceId, role: "owner", scopes: null });
    await next();
  });
  mount(made, "", [makeThing], { idempotency, checkAudit: true });
  return made;
}

async function post(key: string, body: object = { name: "one" }) {
  const answer = await app().request("/things", {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "idempotency-key": key },
  });
  const text = (await answer.json()) as { data: { jobId: string } | null; error: { code: string } | null };
  return { status: answer.status, replayed: answer.headers.get("idempotent-replayed"), ...text };
}

/** As if so much time had gone by. */
const age = (interval: string) =>
  owner.query(
    `UPDATE idempotency_keys SET claimed_at = claimed_at - $1::interval, done_at = done_at - $1::interval,
       expires_at = expires_at - $1::interval WHERE workspace_id = $2`,
    [interval, workspaceId],
  );

describe("a request that is repeated", () => {
  it("is carried out once, and gets the first answer again", async () => {
    const first = await post("a");
    const again = await post("a");
    expect(first).toMatchObject({ status: 201, replayed: null });
    expect(again).toMatchObject({ status: 201, replayed: "true", data: first.data });
    expect(await jobs()).toBe(1);
  });

  it("at the same moment is carried out once; who comes too early is told to wait", async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => post("a")));
    expect(await jobs()).toBe(1);
    expect(answers.filter(({ status, replayed }) => status === 201 && replayed === null)).toHaveLength(1);
    const others = answers.filter(({ status, replayed }) => !(status === 201 && replayed === null));
    for (const { status, replayed, error } of others) {
      expect(status === 201 ? replayed : error?.code).toMatch(/^(true|idempotency_in_progress)$/);
    }
    expect(await post("a")).toMatchObject({ status: 201, replayed: "true" });
  });

  it("is another one under another key, and the same key is another one's elsewhere", async () => {
    await post("a");
    await post("b");
    expect(await jobs()).toBe(2);
    workspaceId = await seedWorkspace(database.url);
    expect(await post("a")).toMatchObject({ status: 201, replayed: null });
  });

  it("may not say something else, nor be somebody else's", async () => {
    await post("a");
    expect(await post("a", { name: "two" })).toMatchObject({
      status: 422,
      error: { code: "idempotency_key_reused" },
    });
    caller = "dan";
    expect(await post("a")).toMatchObject({ status: 422, error: { code: "idempotency_key_reused" } });
    expect(await jobs()).toBe(1);
  });

  it("is carried out again where it was refused: nothing was done", async () => {
    expect(await post("a", { name: "one", refuse: true })).toMatchObject({ status: 409 });
    expect(await jobs()).toBe(0);
    expect(await post("a")).toMatchObject({ status: 201, replayed: null });
  });

  it("is a new one after a day, and the old one is forgotten", async () => {
    await post("old");
    await post("a");
    await age("25 hours");
    expect(await post("a")).toMatchObject({ status: 201, replayed: null });
    const { rows } = await owner.query("SELECT 1 FROM idempotency_keys WHERE workspace_id = $1", [
      workspaceId,
    ]);
    expect(rows).toHaveLength(1);
  });

  it.each(["", "a b", "é", "x".repeat(256)])("needs a key that is one, unlike %j", async (key) => {
    const { status, error } = await post(key);
    expect([status, error?.code]).toEqual([422, "invalid_idempotency_key"]);
    expect(await jobs()).toBe(0);
  });

  it("leaves neither key nor answer to be read in the database", async () => {
    const { data } = await post("my-key-4711");
    const { rows } = await owner.query(
      "SELECT row_to_json(k)::text AS row FROM idempotency_keys k WHERE workspace_id = $1",
      [workspaceId],
    );
    expect(rows).toHaveLength(1);
    expect(rows[0].row).not.toMatch(/my-key|shown once/);
    expect(rows[0].row).not.toContain(data?.jobId);
  });
});

describe("an attempt whose process dies", () => {
  const request = () => ({ workspaceId, key: "a", parts: ["one"], attemptId: randomUUID() });
  /** Like a process that goes on until it is killed. */
  async function attempt() {
    const begun = await idempotency.begin<{ jobId: string }>(request());
    if ("replayed" in begun) throw new Error("There was no answer yet.");
    return begun.attempt;
  }
  const effect = async (mark: (tx: Tx) => Promise<void>) =>
    inWorkspace(db, workspaceId, async (tx) => {
      const jobId = await makeJob(tx);
      await mark(tx);
      return { jobId };
    });
  const codeOf = (error: { code?: string }) => error.code;

  it("before its effect, is taken over after a minute, and has no effect if it lives after all", async () => {
    const first = await attempt();
    expect(await attempt().catch(codeOf)).toBe("idempotency_in_progress");
    await age("61 seconds");
    const second = await attempt();
    expect(await effect(first.markDone).catch(codeOf)).toBe("idempotency_in_progress");
    await first.release();
    expect(await jobs()).toBe(0);
    await second.answered(await effect(second.markDone));
    expect(await jobs()).toBe(1);
    expect(await idempotency.begin(request())).toMatchObject({ replayed: { jobId: expect.any(String) } });
  });

  it("within its effect, leaves nothing of it, and is taken over", async () => {
    const { markDone } = await attempt();
    const killed = await effect(async (tx) => {
      await markDone(tx);
      await tx.execute(sql`SELECT pg_terminate_backend(pg_backend_pid())`);
    }).catch(() => "killed");
    expect(killed).toBe("killed");
    expect(await jobs()).toBe(0);
    await age("61 seconds");
    await effect((await attempt()).markDone);
    expect(await jobs()).toBe(1);
  });

  it("between effect and answer, is never repeated: who asks is told to look", async () => {
    await effect((await attempt()).markDone);
    expect(await attempt().catch(codeOf)).toBe("idempotency_in_progress");
    await age("61 seconds");
    expect(await attempt().catch(codeOf)).toBe("idempotency_answer_lost");
    await age("23 hours");
    expect(await attempt().catch(codeOf)).toBe("idempotency_answer_lost");
    expect(await jobs()).toBe(1);
  });
});
