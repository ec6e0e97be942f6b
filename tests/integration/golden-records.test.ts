import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { createDb, type Db, inWorkspace, type Tx } from "#db/client.ts";
import { mergeValues, scoreRecords } from "#src/platform/golden-records.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { addValues, allRows, NOW, seedEnriched } from "#tests/support/merges.ts";
import { type SeededJob, seedWorkspace } from "#tests/support/seed.ts";

let database: TestDatabase;
let db: Db;
let job: SeededJob & { ids: string[] };

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb(database.url);
});
afterAll(async () => {
  await db.$client.end();
  await database.drop();
});
beforeEach(async () => {
  const values = [0, 1].map((n) => ({ n, field: "cui-validation", value: { mainActivity: "0111" } }));
  job = await seedEnriched(db, 3, values, { workspaceId: await seedWorkspace(database.url) });
});

const inJob = <T>(work: (tx: Tx) => Promise<T>) => inWorkspace(db, job.workspaceId, work);
const mergeAll = () => inJob((tx) => mergeValues(tx, job.ids, NOW));
const prospect = (n: number) =>
  inJob(async (tx) => {
    const { rows } = await tx.execute<Record<string, unknown>>(
      sql`SELECT * FROM prospects WHERE id = ${job.ids[n]}`,
    );
    return rows[0] ?? {};
  });

it("leaves every row alone when there is nothing new", async () => {
  const before = await allRows(db, job.workspaceId);
  expect(await mergeAll()).toBe(0);
  expect(await inJob((tx) => scoreRecords(tx, job.ids, NOW))).toEqual({ enriched: 0, rescored: 0 });
  expect(await allRows(db, job.workspaceId)).toEqual(before);
});

it("takes up a value that came late, with its score, and leaves the others alone", async () => {
  const [before, other] = [await prospect(0), await prospect(1)];
  await inJob((tx) => addValues(tx, job, [{ n: 0, field: "financials", value: { employees: 4 } }]));
  expect(await mergeAll()).toBe(1);
  const after = await prospect(0);
  expect(after.golden).toMatchObject({ employees: { value: 4, source: "test" } });
  expect(after.fields_filled).toBe(Number(before.fields_filled) + 1);
  expect(await prospect(1)).toEqual(other);
});

it("takes up a value that was written again under the same id", async () => {
  const write = (value: object) =>
    inJob((tx) =>
      tx.execute(sql`
        UPDATE field_values SET value = ${JSON.stringify(value)}::jsonb WHERE prospect_id = ${job.ids[0]}`),
    );
  await write({ mainActivity: "0112" });
  expect(await mergeAll()).toBe(1);
  expect((await prospect(0)).golden).toMatchObject({ mainActivity: { value: "0112" } });
});

it("scores anew on another day, as what is known ages", async () => {
  await inJob((tx) => tx.execute(sql`UPDATE prospects SET score_digest = 0 WHERE id = ${job.ids[0]}`));
  const inHalfAYear = new Date(NOW.getTime() + 180 * 24 * 3_600_000);
  expect(await inJob((tx) => scoreRecords(tx, job.ids, inHalfAYear))).toEqual({ enriched: 0, rescored: 1 });
  const [aged, fresh] = [await prospect(0), await prospect(1)];
  expect(aged.freshness_pct).toBeLessThan(Number(fresh.freshness_pct));
  expect(aged.score_pct).toBeLessThan(Number(fresh.score_pct));
  expect(aged.tier).toBe(fresh.tier);
});

it("makes a prospect that gets another chance enriched again without any new value, and leaves failed ones", async () => {
  const set = (n: number, status: string) =>
    inJob((tx) => tx.execute(sql`UPDATE prospects SET status = ${status} WHERE id = ${job.ids[n]}`));
  await set(0, "imported");
  await set(1, "failed");
  await inJob((tx) => addValues(tx, job, [{ n: 1, field: "financials", value: { employees: 4 } }]));
  expect(await mergeAll()).toBe(0);
  expect(await inJob((tx) => scoreRecords(tx, job.ids, NOW))).toEqual({ enriched: 1, rescored: 0 });
  expect([(await prospect(0)).status, (await prospect(1)).status]).toEqual(["enriched", "failed"]);
});
