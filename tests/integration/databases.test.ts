import pg from "pg";
import { expect, inject, test } from "vitest";
import { redisAnswers } from "#infra/stack/redis.ts";
import { createTestDatabase } from "#tests/support/databases.ts";

test("a test gets a Postgres 18 database of its own, and Redis", async () => {
  const database = await createTestDatabase({ migrate: false });
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query(
    "select uuidv7() as id, current_setting('server_version_num')::int as version",
  );
  expect(rows[0].version).toBeGreaterThanOrEqual(180000);
  await client.end();
  await database.drop();
  expect(await redisAnswers(inject("redisUrl"))).toBe(true);
});

test("a migrated database is a clone with the whole schema", async () => {
  const database = await createTestDatabase();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query("select count(*)::int as applied from schema_versions");
  expect(rows[0].applied).toBeGreaterThan(0);
  await client.end();
  await database.drop();
});
