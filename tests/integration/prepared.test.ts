import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createDb, type Db, inWorkspace } from "#db/client.ts";
import { executePrepared } from "#db/queries/prepared.ts";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";

let database: TestDatabase;
let db: Db;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb(database.url, { max: 1 });
});
afterAll(async () => {
  await db.$client.end();
  await database.drop();
});

it("a statement with other values is parsed once for a connection, and answers each time", async () => {
  const double = (n: number) =>
    inWorkspace(db, DEFAULT_WORKSPACE_ID, async (tx) => {
      const { rows } = await executePrepared<{ twice: number; list: string[] }>(
        tx,
        sql`SELECT ${n}::int * 2 AS twice, ${sql.param(["a", "b"])}::text[] AS list`,
      );
      return rows[0];
    });
  expect(await double(2)).toEqual({ twice: 4, list: ["a", "b"] });
  expect(await double(21)).toEqual({ twice: 42, list: ["a", "b"] });
  const { rows } = await db.execute<{ custom: number; generic: number }>(sql`
    SELECT custom_plans::int AS custom, generic_plans::int AS generic FROM pg_prepared_statements
    WHERE statement LIKE '%AS twice%' AND name <> ''`);
  expect(rows.map(({ custom, generic }) => custom + generic)).toEqual([2]);
});
