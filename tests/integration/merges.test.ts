import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createDb, type Db, inWorkspace, type Tx } from "#db/client.ts";
import { planChunks } from "#db/queries/chunks.ts";
import { targetsOfField } from "#db/queries/field-values.ts";
import { prospectsOfChunk } from "#db/queries/golden-records.ts";
import { listMerges } from "#db/queries/merges.ts";
import { listProspects } from "#db/queries/prospects.ts";
import type { GoldenAttribute } from "#db/schema/prospects.ts";
import { findDuplicates, mergeProspects, undoMerge } from "#src/platform/merges.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { eventually } from "#tests/support/eventually.ts";
import { addValues, allRows, derive, NOW, type SeededValue, seedEnriched } from "#tests/support/merges.ts";
import { type SeededJob, seedWorkspace } from "#tests/support/seed.ts";

let database: TestDatabase;
let db: Db;
let job: SeededJob & { ids: string[] };

const registered = (n: number): SeededValue => ({
  n,
  field: "cui-validation",
  value: { deregistered: n === 1 },
});
const emailOf1 = {
  n: 1,
  field: "email-verification",
  value: {
    email: "office@agro.ro",
    emailChecked: "office@agro.ro",
    emailVerified: true,
    emailStatus: "valid",
  },
  confidencePct: 99,
};
const domainOf = (n: number): SeededValue => ({ n, field: "web-discovery", value: { domain: "agro.ro" } });

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb(database.url);
});
afterAll(async () => {
  await db.$client.end();
  await database.drop();
});
beforeEach(async () => {
  const workspaceId = await seedWorkspace(database.url);
  const values = [registered(0), registered(1), emailOf1, domainOf(0), domainOf(1)];
  job = await seedEnriched(db, 4, values, { workspaceId });
});

const inJob = <T>(work: (tx: Tx) => Promise<T>) => inWorkspace(db, job.workspaceId, work);
const id = (n: number) => job.ids[n] as string;
const mergeIn = (tx: Tx, keep: number, ...others: number[]) =>
  mergeProspects(
    tx,
    {
      workspaceId: job.workspaceId,
      keepId: id(keep),
      mergeIds: others.map(id),
      reason: "same phone",
      by: "test",
    },
    NOW,
  );
const merge = (keep: number, ...others: number[]) => inJob((tx) => mergeIn(tx, keep, ...others));
const undo = (mergeId: string) => inJob((tx) => undoMerge(tx, { id: mergeId, by: "test" }, NOW));
const goldenOf = (n: number) =>
  inJob(async (tx) => {
    const { rows } = await tx.execute<{ golden: Record<string, GoldenAttribute> }>(
      sql`SELECT golden FROM prospects WHERE id = ${id(n)}`,
    );
    return rows[0]?.golden ?? {};
  });

describe("a merge", () => {
  it("brings the merged prospect's contacts into the kept one's record, and not its registration", async () => {
    await merge(0, 1);
    const golden = await goldenOf(0);
    expect(golden.email).toMatchObject({ value: "office@agro.ro", mergedFrom: id(1) });
    expect(golden.emailVerified).toMatchObject({ value: true, mergedFrom: id(1) });
    expect(golden.deregistered).toMatchObject({ value: false });
    expect(golden.deregistered).not.toHaveProperty("mergedFrom");
    expect(golden.name?.value).toBe("Ferma 1");
  });

  it("takes the merged prospect out of lists, new jobs and the fields of jobs under way", async () => {
    const chunkOf = async (tx: Tx) => {
      const { rows } = await tx.execute<{ id: string }>(
        sql`SELECT id FROM chunks WHERE job_id = ${job.jobId}`,
      );
      return rows[0]?.id ?? "";
    };
    await inJob((tx) => planChunks(tx, job, { importId: job.importId }, ["colour"]));
    await merge(0, 1);
    await inJob(async (tx) => {
      const listed = await listProspects(tx, { filter: {}, afterId: null, limit: 10 });
      expect(listed.map((row) => row.id)).toEqual([id(0), id(2), id(3)]);
      const chunkId = await chunkOf(tx);
      const targets = await targetsOfField(tx, { chunkId, jobId: job.jobId, field: "colour" });
      expect(targets.map((target) => target.id)).toEqual([id(0), id(2), id(3)]);
      // What still arrives for it is merged into the one that stands for it.
      expect((await prospectsOfChunk(tx, chunkId)).sort()).toEqual([id(0), id(2), id(3)].sort());
    });
  });

  it("is written down with who, why, and how likely it was", async () => {
    const mergeId = await merge(0, 1);
    const [record] = await inJob((tx) => listMerges(tx, { beforeId: null, limit: 10 }));
    expect(record).toMatchObject({
      id: mergeId,
      keptId: id(0),
      reason: "same phone",
      mergedBy: "test",
      undoneAt: null,
    });
    expect(record?.merged).toMatchObject([{ prospectId: id(1), name: "Ferma 2" }]);
    expect(record?.merged[0]?.reasons).toContainEqual({ part: "domain", points: 20 });
  });

  it.each([
    ["itself", () => merge(0, 0), "merge_into_itself"],
    ["a merged one", () => merge(1, 2), "already_merged"],
    ["one that was merged", () => merge(2, 1), "already_merged"],
  ])("into %s is refused", async (_, attempt, code) => {
    await merge(0, 1);
    const before = await allRows(db, job.workspaceId);
    await expect(attempt()).rejects.toMatchObject({ code });
    expect(await allRows(db, job.workspaceId)).toEqual(before);
  });

  it("of one that is being worked on, or that another workspace has, is refused", async () => {
    await inJob((tx) => tx.execute(sql`UPDATE prospects SET status = 'imported' WHERE id = ${id(2)}`));
    await expect(merge(0, 2)).rejects.toMatchObject({ code: "not_enriched" });
    const other = await seedWorkspace(database.url);
    const foreign = inWorkspace(db, other, (tx) =>
      mergeProspects(
        tx,
        { workspaceId: other, keepId: id(0), mergeIds: [id(1)], reason: "test", by: "test" },
        NOW,
      ),
    );
    await expect(foreign).rejects.toMatchObject({ code: "prospect_not_found" });
  });
});

describe("undoing a merge", () => {
  it("restores every row to the byte, also after kept ones were scored again", async () => {
    const before = await allRows(db, job.workspaceId);
    const mergeId = await merge(0, 1);
    expect(await allRows(db, job.workspaceId)).not.toEqual(before);
    await inJob(async (tx) => {
      await tx.execute(sql`UPDATE prospects SET score_digest = NULL WHERE id = ${id(0)}`);
      await derive(tx, job.ids);
    });
    await undo(mergeId);
    expect(await allRows(db, job.workspaceId)).toEqual(before);
    await expect(undo(mergeId)).rejects.toMatchObject({ code: "already_undone" });
  });

  it("leaves values that came since with the prospect that they are of", async () => {
    const mergeId = await merge(0, 1);
    await inJob(async (tx) => {
      await addValues(tx, job, [
        { n: 0, field: "financials", value: { employees: 4 } },
        { n: 1, field: "web-content", value: { companyDescription: "Cereale" } },
      ]);
      await derive(tx, [id(0)]);
    });
    expect(await goldenOf(0)).toMatchObject({
      employees: { value: 4 },
      companyDescription: { value: "Cereale", mergedFrom: id(1) },
    });
    await undo(mergeId);
    const [kept, merged] = [await goldenOf(0), await goldenOf(1)];
    expect(kept.employees?.value).toBe(4);
    expect(kept).not.toHaveProperty("companyDescription");
    expect(kept).not.toHaveProperty("email");
    expect(merged.companyDescription).toMatchObject({ value: "Cereale" });
    expect(merged).not.toHaveProperty("employees");
  });

  it("is refused while a later merge builds on it, and names that one", async () => {
    const first = await merge(0, 1);
    const second = await merge(2, 0);
    const other = await merge(2, 3);
    expect((await goldenOf(2)).email).toMatchObject({ value: "office@agro.ro", mergedFrom: id(1) });
    await expect(undo(first)).rejects.toMatchObject({
      code: "later_merge",
      message: expect.stringContaining(second),
    });
    await expect(undo(second)).rejects.toMatchObject({ message: expect.stringContaining(other) });
    for (const mergeId of [other, second, first]) await undo(mergeId);
    expect(await goldenOf(0)).not.toHaveProperty("email");
  });
});

describe("merges at the same time", () => {
  it("take turns, so that each sees whom the one before has merged, and undoing them leaves no trace", async () => {
    const before = await allRows(db, job.workspaceId);
    const [merged, mayCommit] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const first = inJob(async (tx) => {
      const mergeId = await mergeIn(tx, 0, 1);
      merged.resolve();
      await mayCommit.promise;
      return mergeId;
    });
    await merged.promise;
    const second = merge(2, 0);
    await eventually(async () => {
      const { rows } = await db.execute(sql`SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE NOT granted AND datname = current_database()`);
      return rows.length > 0;
    }).finally(mayCommit.resolve);
    const [firstId, secondId] = [await first, await second];
    expect((await goldenOf(2)).email).toMatchObject({ mergedFrom: id(1) });
    await undo(secondId);
    await undo(firstId);
    expect(await allRows(db, job.workspaceId)).toEqual(before);
  });
});

describe("duplicates", () => {
  const page = (afterId: string | null = null) =>
    inJob((tx) => findDuplicates(tx, { afterId, minScore: 75 }));
  const pairs = async () =>
    (await page()).duplicates.map(({ one, other }) =>
      [job.ids.indexOf(one.id), job.ids.indexOf(other.id)].sort(),
    );

  it("are pairs that share a name's block, a domain, a phone or an address, the likeliest first, with reasons", async () => {
    const { duplicates, nextId } = await page();
    expect(duplicates[0]).toMatchObject({ decision: "match" });
    expect(duplicates[0]?.reasons.map(({ part }) => part)).toContain("domain");
    expect(nextId).toBe([...job.ids].sort().at(-1));
    expect(await page(nextId)).toEqual({ duplicates: [], nextId: null });
  });

  it("are found by phone alone, whatever the names' blocks", async () => {
    await inJob(async (tx) => {
      await tx.execute(
        sql`UPDATE prospects SET name = 'Cereale Vest Agro', golden_digest = NULL WHERE id = ${id(2)}`,
      );
      await tx.execute(
        sql`UPDATE prospects SET name = 'Vest Agro Cereal', golden_digest = NULL WHERE id = ${id(3)}`,
      );
      const phone = { phone: "+40722000000" };
      await addValues(
        tx,
        job,
        [2, 3].map((n) => ({ n, field: "phone-validation", value: phone })),
      );
      await derive(tx, job.ids);
    });
    expect(await pairs()).toContainEqual([2, 3]);
  });

  it("are no more once they are merged", async () => {
    expect(await pairs()).toContainEqual([0, 1]);
    await merge(0, 1);
    expect((await pairs()).flat()).not.toContain(1);
  });
});
