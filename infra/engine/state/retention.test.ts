import pg from "pg";
import pino from "pino";
import { ulid } from "ulid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { Database, EngineAlreadyRunning } from "./database.ts";
import { deleteOld } from "./retention.ts";
import { Writer } from "./writer.ts";

const log = pino({ level: "silent" });
const HOUR = 3_600_000;
const NOW = Date.now();
const FN = "00000000-0000-5000-8000-000000000001";

let owner: TestDatabase;
let database: Database;
let db: pg.Client;
let writer: Writer;

beforeAll(async () => {
  owner = await createTestDatabase({ migrate: false });
  database = new Database(owner.url, 0, log);
  await database.open();
  writer = new Writer(database, log);
  db = new pg.Client({ connectionString: owner.url, options: "-c search_path=inngest_engine" });
  await db.connect();
});
afterAll(async () => {
  await db?.end();
  await database?.close();
  await owner?.drop();
});

const idOf = (hoursAgo: number): string => ulid(NOW - hoursAgo * HOUR);

/** Runs of one age, each with its event, a step and a failed attempt; `endedHoursAgo` null for running ones. */
async function seed(count: number, hoursAgo: number, endedHoursAgo: number | null): Promise<string[]> {
  const ids = Array.from({ length: count }, () => idOf(hoursAgo));
  const endedAt = endedHoursAgo === null ? null : NOW - endedHoursAgo * HOUR;
  await db.query(
    `with r as (insert into run (id, fn_id, status, event_id, keys, queued_at_ms, ended_at_ms)
       select id, $2, $3, id, '', $4, $5 from unnest($1::text[]) id),
     e as (insert into event (internal_id, event_id, name, ts_ms, received_at, body)
       select id, id, 'x', $4, to_timestamp($4::bigint / 1000.0), '{}' from unnest($1::text[]) id),
     a as (insert into failed_attempt (run_id, step_id, attempt, error, at_ms) select id, 's', 0, '{}', $4 from unnest($1::text[]) id)
     insert into step (run_id, step_id, seq, op, name, memo, at_ms) select id, 's', 1, 'StepRun', 's', 'null', $4 from unnest($1::text[]) id`,
    [ids, FN, endedAt === null ? 0 : 1, NOW - hoursAgo * HOUR, endedAt],
  );
  return ids;
}

const left = async (table: string, column = "run_id"): Promise<string[]> =>
  (await db.query<{ id: string }>(`select ${column} as id from ${table} order by 1`)).rows.map(
    (row) => row.id,
  );

test("what is older than the retention goes, in batches; what goes on, or ended lately, stays", async () => {
  await seed(4_500, 30, 29);
  const running = await seed(3, 30, null);
  const endedLate = await seed(3, 30, 1);
  const young = await seed(3, 1, 1);
  await db.query(`insert into event (internal_id, event_id, name, ts_ms, received_at, body)
    values ('${idOf(30)}', 'x', 'alone', 0, to_timestamp(${(NOW - 30 * HOUR) / 1000}), '{}')`);
  await db.query(
    `insert into run_key (fn_id, key, run_id, expires_at_ms) values ('${FN}', 'old', 'r', $1), ('${FN}', 'new', 'r', $2)`,
    [NOW - 1, NOW + HOUR],
  );
  const gates = {
    "r0|past": [1, -1],
    "r0|coming": [1, HOUR],
    "s|goes on": [running[0], -1],
    "s|ended": [young[0], -1],
  };
  for (const [key, [state, inMs]] of Object.entries(gates))
    await db.query("insert into gate (key, state, expires_at_ms) values ($1, $2, $3)", [
      key,
      JSON.stringify(state),
      NOW + Number(inMs),
    ]);
  for (const [id, status, hoursAgo] of [
    ["old", "done", 30],
    ["recent", "done", 1],
    ["going on", "running", null],
  ])
    await db.query(
      `insert into bulk_operation (id, kind, filter, rate, total, status, ended_at)
       values ($1, 'cancel', '{}', 1, 1, $2, now() - make_interval(hours => $3))`,
      [id, status, hoursAgo],
    );
  await deleteOld({ database, writer }, 24 * HOUR, NOW);
  expect(await left("gate", "key")).toEqual(["r0|coming", "s|goes on"]);
  expect(await left("bulk_operation", "id")).toEqual(["going on", "recent"]);
  const stays = [...running, ...endedLate, ...young].sort();
  expect(await left("run", "id")).toEqual(stays);
  expect(await left("step")).toEqual(stays);
  expect(await left("failed_attempt")).toEqual(stays);
  expect(await left("event", "internal_id")).toEqual(stays);
  expect(await left("run_key", "key")).toEqual(["new"]);
});

test("an engine that has lost its lock deletes nothing", async () => {
  const [run] = await seed(1, 30, 29);
  const next = new Database(owner.url, 10_000, log);
  const lost = Promise.withResolvers<Error>();
  writer.onLockLost = lost.resolve;
  await db.query(`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted
    and database = (select oid from pg_database where datname = current_database())`);
  await next.open();
  try {
    const deleting = deleteOld({ database, writer }, 24 * HOUR, NOW).catch(() => {});
    expect(await Promise.race([lost.promise, deleting])).toBeInstanceOf(EngineAlreadyRunning);
    expect(await left("run", "id")).toContain(run);
    await writer.stop();
    await deleting;
    expect(await left("run", "id")).toContain(run);
  } finally {
    await next.close();
  }
});
