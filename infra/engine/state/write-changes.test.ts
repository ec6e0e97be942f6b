import type pg from "pg";
import pino from "pino";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { Database } from "./database.ts";
import { type Change, ItemKind, type QueueItem, queueItem, type RunEntry } from "./rows.ts";
import { RunState } from "./run-state.ts";
import { writeChanges } from "./write-changes.ts";

const FN = "00000000-0000-5000-8000-000000000001";

let owner: TestDatabase;
let database: Database;
let client: pg.Client;

beforeAll(async () => {
  owner = await createTestDatabase({ migrate: false });
  database = new Database(owner.url, 1_000, pino({ level: "silent" }));
  await database.open();
  client = await database.writeConnection();
});
beforeEach(async () => {
  await client.query("truncate event, run, run_key, step, queue_item");
});
afterAll(async () => {
  await database?.close();
  await owner?.drop();
});

const item = (id: string, dueAtMs: number, runId = "run"): QueueItem =>
  queueItem({ id, runId, fnId: FN, kind: ItemKind.sleep, dueAtMs });

const event = (internalId: string) => ({ internalId, eventId: internalId, name: "a/b", tsMs: 1, body: "{}" });

function entry(id: string, eventId: string, dedupKey: string | null): RunEntry {
  const run = {
    id,
    fnId: FN,
    eventId,
    keys: "",
    queuedAtMs: 1,
    parentRunId: null,
    parentStepId: null,
    dedupKey,
  };
  const init = { id, fnId: FN, keys: "", parent: null, events: ["{}"], version: -1, ended: false };
  return {
    run,
    item: item("go", 1, id),
    timers: [],
    waits: [],
    state: new RunState({ ...init, goQueued: true }),
  };
}

const write = async (...changes: Partial<Change>[]): Promise<string[]> => [
  ...(await writeChanges(client, changes, 1_000)),
];
const items = async (): Promise<unknown[]> =>
  (await client.query("select run_id, id, due_at_ms from queue_item order by 1, 2")).rows.map((row) =>
    [row.run_id, row.id, row.due_at_ms].join(" "),
  );

test("of changes that are written together, the last word on a row counts", async () => {
  const gone = { runId: "run", id: "gone" };
  await write(
    { items: [item("a", 1), item("gone", 1)] },
    { items: [item("a", 2)], removeItems: [gone, { runId: "run", id: "back" }] },
    { items: [item("back", 3)] },
  );
  expect(await items()).toEqual(["run a 2", "run back 3"]);
});

test("a change that deletes a row and puts it, replaces it", async () => {
  await write({ items: [item("go", 1)] });
  await write({ items: [item("go", 2.6)], removeItems: [{ runId: "run", id: "go" }] });
  expect(await items()).toEqual(["run go 3"]);
});

test("a run whose event or key another delivery has is dropped with its items, in one transaction or two", async () => {
  const first = { events: [event("e1")], runs: [entry("r1", "e1", "null"), entry("r2", "e1", null)] };
  const sameKey = { events: [event("e2")], runs: [entry("r3", "e2", "null")] };
  const sameEvent = { events: [event("e1")], runs: [entry("r4", "e1", null)] };
  expect(await write(first, sameKey, sameEvent)).toEqual(["r3", "r4"]);
  expect(await write({ ...sameKey, runs: [entry("r5", "e2", "null")] })).toEqual(["r5"]);
  expect(await items()).toEqual(["r1 go 1", "r2 go 1"]);
});

test("what was written twice is there once, and a step's first result stands", async () => {
  const run = entry("r1", "e1", null).state as RunState;
  const step = run.finish("s", '{"data":"\\u0000"}', "StepRun", "nul \0 name");
  const change = { steps: step ? [step] : [], items: [item("a", 1)] };
  await write(change);
  await write(change, { steps: step ? [{ ...step, memo: "null" }] : [] });
  const steps = await client.query("select memo, name from step");
  expect(steps.rows).toEqual([{ memo: '{"data":"\\u0000"}', name: "nul \ufffd name" }]);
  expect(await items()).toEqual(["run a 1"]);
});
