/** Merges and their undoing on a real database: any sequence, undone in reverse order, leaves no trace. */
import { sql } from "drizzle-orm";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createDb, type Db, inWorkspace } from "#db/client.ts";
import { mergeProspects, undoMerge } from "#src/platform/merges.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { allRows, NOW, seedEnriched } from "#tests/support/merges.ts";
import { seedWorkspace } from "#tests/support/seed.ts";

const PROSPECTS = 6;

let database: TestDatabase;
let db: Db;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb(database.url);
});
afterAll(async () => {
  await db.$client.end();
  await database.drop();
});

const facts: fc.Arbitrary<[string, Record<string, unknown>]> = fc.oneof(
  fc.tuple(
    fc.constant("email-discovery"),
    fc.record({ email: fc.constantFrom("office@a.ro", "office@b.ro"), emailKind: fc.constant("generic") }),
  ),
  fc.tuple(
    fc.constant("email-verification"),
    fc
      .constantFrom("office@a.ro", "office@b.ro")
      .map((email) => ({ email, emailChecked: email, emailVerified: true, emailStatus: "valid" })),
  ),
  fc.tuple(
    fc.constant("cui-validation"),
    fc.record({ deregistered: fc.boolean(), phone: fc.constant("0722000000") }),
  ),
  fc.tuple(fc.constant("web-discovery"), fc.record({ domain: fc.constantFrom("a.ro", "b.ro") })),
);

const world = fc.record({
  values: fc.array(
    fc
      .record({ n: fc.nat(PROSPECTS - 1), fact: facts, confidencePct: fc.integer({ min: 40, max: 99 }) })
      .map(({ n, fact: [field, value], confidencePct }) => ({ n, field, value, confidencePct })),
    { maxLength: 12 },
  ),
  // Whom to merge into whom; what cannot be merged any more is passed over.
  merges: fc.array(fc.uniqueArray(fc.nat(PROSPECTS - 1), { minLength: 2, maxLength: 4 }), {
    minLength: 1,
    maxLength: 5,
  }),
});

it("is identity, to the byte, for any sequence of merges undone in reverse order", async () => {
  let merged = 0;
  await fc.assert(
    fc.asyncProperty(world, async ({ values, merges }) => {
      const workspaceId = await seedWorkspace(database.url);
      const { ids } = await seedEnriched(db, PROSPECTS, values, { workspaceId });
      const states = [await allRows(db, workspaceId)];
      const done: string[] = [];
      for (const [keep, ...others] of merges) {
        const request = {
          workspaceId,
          keepId: ids[keep ?? 0] ?? "",
          mergeIds: others.map((n) => ids[n] ?? ""),
        };
        const standing = await standingOf(workspaceId);
        if (![request.keepId, ...request.mergeIds].every((id) => standing.has(id))) continue;
        done.push(
          await inWorkspace(db, workspaceId, (tx) =>
            mergeProspects(tx, { ...request, reason: "test", by: "test" }, NOW),
          ),
        );
        states.push(await allRows(db, workspaceId));
      }
      merged += done.length;
      for (const id of done.toReversed()) {
        expect(states.pop()).toEqual(await allRows(db, workspaceId));
        await inWorkspace(db, workspaceId, (tx) => undoMerge(tx, { id, by: "test" }, NOW));
      }
      expect(await allRows(db, workspaceId)).toEqual(states.pop());
    }),
    { numRuns: 30 },
  );
  expect(merged).toBeGreaterThan(30);
});

const standingOf = (workspaceId: string): Promise<Set<string>> =>
  inWorkspace(db, workspaceId, async (tx) => {
    const { rows } = await tx.execute<{ id: string }>(
      sql`SELECT id FROM prospects WHERE merged_into IS NULL`,
    );
    return new Set(rows.map(({ id }) => id));
  });
