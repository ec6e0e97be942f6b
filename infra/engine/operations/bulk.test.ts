import pg from "pg";
import pino from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { newId } from "../protocol/ids.ts";
import { Database } from "../state/database.ts";
import { Writer } from "../state/writer.ts";
import { BulkOperations, type BulkRequest } from "./bulk.ts";

const FN = "00000000-0000-5000-8000-000000000001";
const log = pino({ level: "silent" });

let owner: TestDatabase;
let db: pg.Client;
let database: Database;
let writer: Writer;
let bulk: BulkOperations;
const cancelled: string[] = [];

beforeAll(async () => {
  owner = await createTestDatabase({ migrate: false });
  database = new Database(owner.url, 200, log);
  await database.open();
  db = new pg.Client({ connectionString: owner.url, options: "-c search_path=inngest_engine" });
  await db.connect();
  writer = new Writer(database, log);
  bulk = new BulkOperations({
    database,
    writer,
    log,
    cancel: async (runId) => cancelled.push(runId) > 0,
    replay: async () => {},
  });
});
afterAll(async () => {
  bulk?.stop();
  await db?.end();
  await database?.close();
  await owner?.drop();
});

const request = (id: string, rate: number): BulkRequest => ({
  id,
  kind: "cancel",
  rate,
  filter: { fnId: FN, status: 0, fromMs: 0, toMs: Date.now() + 1_000, if: null },
});
const stored = async (id: string) =>
  (await db.query("select status, total, done from bulk_operation where id = $1", [id])).rows;

test("asked for twice at the same moment, an operation is begun once", async () => {
  const ids = Array.from({ length: 3 }, () => newId());
  await db.query(
    `insert into run (id, fn_id, event_id, keys, queued_at_ms)
     select id, $2, id, '', 0 from unnest($1::text[]) as id`,
    [ids, FN],
  );
  const begun = await Promise.all([bulk.begin(request("twice", 100)), bulk.begin(request("twice", 100))]);
  expect(begun.map(({ isNew }) => isNew).sort()).toEqual([false, true]);
  await expect.poll(() => stored("twice")).toEqual([{ status: "done", total: 3, done: 3 }]);
  expect(cancelled).toEqual(ids);
});

test("an engine that has lost its lock writes nothing more of an operation", async () => {
  await bulk.begin(request("fenced", 1));
  await expect.poll(() => stored("fenced")).toMatchObject([{ status: "running", total: 3 }]);
  const lost = new Promise<Error>((resolve) => {
    writer.onLockLost = resolve;
  });
  const successor = new Database(owner.url, 5_000, log);
  await db.query(
    "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())",
  );
  await successor.open();
  const before = await stored("fenced");
  expect(before).toMatchObject([{ status: "running" }]);
  const end = bulk.end("fenced");
  await lost;
  await Promise.all([writer.stop(), expect(end).rejects.toThrow("already running")]);
  expect(await stored("fenced")).toEqual(before);
  await successor.close();
});
