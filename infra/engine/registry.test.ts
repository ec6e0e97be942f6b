import pg from "pg";
import pino from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { Registry } from "./registry.ts";
import { Database } from "./state/database.ts";
import { Writer } from "./state/writer.ts";

const log = pino({ level: "silent" });
const app = {
  appName: "app",
  url: "http://127.0.0.1:1/api/inngest",
  sdk: "js",
  functions: [
    {
      id: "app-f",
      triggers: [{ event: "a/b" }],
      steps: { step: { runtime: { type: "http", url: "http://127.0.0.1:1/x" } } },
    },
  ],
};

let owner: TestDatabase;
let admin: pg.Client;
let former: Database;
let next: Database;

beforeEach(async () => {
  owner = await createTestDatabase({ migrate: false });
  admin = new pg.Client({ connectionString: owner.url });
  await admin.connect();
  former = new Database(owner.url, 0, log);
  await former.open();
  next = new Database(owner.url, 10_000, log);
});
afterEach(async () => {
  await admin.end();
  await former.close();
  await next.close();
  await owner.drop();
});

test("an engine that has lost its lock to another can neither pause a function nor take a sync", async () => {
  const writer = new Writer(former, log);
  const registry = new Registry(former, writer);
  await registry.sync(app);
  const fn = registry.bySlug("app-f");
  if (!fn) throw new Error("the function was not taken");

  await admin.query(
    `select pg_terminate_backend(l.pid) from pg_locks l join pg_database d on d.oid = l.database
     where d.datname = current_database() and l.locktype = 'advisory' and l.granted`,
  );
  await next.open();
  let lost = false;
  writer.onLockLost = () => {
    lost = true;
  };
  const changes = Promise.allSettled([
    registry.setPaused(fn, true),
    registry.sync({ ...app, url: "http://127.0.0.1:2/api/inngest" }),
  ]);
  await writer.stop();

  expect((await changes).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(lost).toBe(true);
  expect(registry.isPaused(fn)).toBe(false);
  const stored = await admin.query(
    "select f.paused_at, a.url from inngest_engine.function f join inngest_engine.app a on a.id = f.app_id",
  );
  expect(stored.rows).toEqual([{ paused_at: null, url: app.url }]);
});
