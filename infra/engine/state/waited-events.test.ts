import pino from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { Database } from "./database.ts";
import { WaitKind, type WaitRow } from "./rows.ts";
import { WaitedEvents } from "./waited-events.ts";
import { Writer } from "./writer.ts";

let owner: TestDatabase;
let database: Database;
let writer: Writer;

beforeAll(async () => {
  const log = pino({ level: "silent" });
  owner = await createTestDatabase({ migrate: false });
  database = new Database(owner.url, 1_000, log);
  await database.open();
  writer = new Writer(database, log);
});
afterAll(async () => {
  await writer?.stop();
  await database?.close();
  await owner?.drop();
});

const wait = (name: string): WaitRow => ({
  runId: `run of ${name}`,
  stepId: "step",
  kind: WaitKind.event,
  name,
  path: "",
  matchKey: "",
  expression: null,
  atMs: 0,
});

test("names that no step waits for any more are forgotten; those of waits under way are not", async () => {
  const waited = new WaitedEvents(database);
  for (const name of ["kept", "gone"]) waited.add(name);
  await writer.commit({ waits: [wait("kept"), wait("gone")] });
  await writer.commit({ removeWaits: [wait("gone")] });
  // One whose commit is under way, and one that comes while the database is asked.
  waited.add("under way");
  const committed = writer.commit({ waits: [wait("under way")] });
  const reloaded = waited.reload(writer);
  waited.add("meanwhile");
  await Promise.all([committed, reloaded]);
  expect(["kept", "gone", "under way", "meanwhile"].filter((name) => waited.has(name))).toEqual([
    "kept",
    "under way",
    "meanwhile",
  ]);
});
