import { readdirSync } from "node:fs";
import { getTableConfig, PgTable } from "drizzle-orm/pg-core";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { migrate } from "#db/migrate.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

const names = async (query: string): Promise<string[]> =>
  (await client.query<{ name: string }>(query)).rows.map((row) => row.name);

describe("migrations", () => {
  it("need no superuser, up or down", async () => {
    const other = await createTestDatabase({ migrate: false });
    const owner = `owner_${Date.now()}`;
    await client.query(`CREATE ROLE ${owner} LOGIN CREATEROLE PASSWORD 'test'`);
    const url = new URL(other.url);
    try {
      for (const role of ["cerniq_app", "cerniq_system", "cerniq_access", "cerniq_retention"]) {
        await client.query(`GRANT ${role} TO ${owner} WITH ADMIN OPTION`);
      }
      await client.query(`ALTER DATABASE ${url.pathname.slice(1)} OWNER TO ${owner}`);
      url.username = owner;
      url.password = "test";
      expect(await migrate(url.href)).not.toEqual([]);
      expect(await migrate(url.href, "000")).not.toEqual([]);
    } finally {
      await other.drop();
      await client.query(`DROP ROLE ${owner}`);
    }
  });

  it("go up, down and up again, and down leaves nothing behind", async () => {
    const other = await createTestDatabase({ migrate: false });
    const left = new pg.Client({ connectionString: other.url });
    try {
      expect(await migrate(other.url)).not.toEqual([]);
      await migrate(other.url, "000");
      await left.connect();
      const { rows } = await left.query(
        `SELECT relname AS name FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
         WHERE nspname = 'public' AND relkind IN ('r', 'v', 'S') AND relname <> 'schema_versions'
         UNION ALL SELECT proname FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = 'public'`,
      );
      expect(rows).toEqual([]);
      expect(await migrate(other.url)).not.toEqual([]);
      expect(await migrate(other.url)).toEqual([]);
    } finally {
      await left.end();
      await other.drop();
    }
  });
});

describe("the schema", () => {
  it("has row-level security, forced, on every table", async () => {
    const open = await names(`
      SELECT relname AS name FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
      WHERE nspname = 'public' AND relkind = 'r' AND relname <> 'schema_versions'
        AND NOT (relrowsecurity AND relforcerowsecurity)`);
    expect(open).toEqual([]);
  });

  it("gives the app's roles no way around it", async () => {
    const strong = await names(`
      SELECT rolname AS name FROM pg_roles
      WHERE rolname LIKE 'cerniq%' AND (rolbypassrls OR rolsuper OR rolcanlogin OR rolcreaterole)`);
    expect(strong).toEqual([]);
  });

  it("has an index that begins with each foreign key", async () => {
    const missing = await names(`
      SELECT c.conrelid::regclass || '.' || a.attname AS name
      FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
      WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace AND NOT EXISTS (
        SELECT 1 FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1])`);
    expect(missing).toEqual([]);
  });

  it("is what the drizzle tables say: the same columns, types and nullability", async () => {
    const folder = new URL("../../db/schema/", import.meta.url);
    const described: Record<string, string[]> = {};
    for (const file of readdirSync(folder)) {
      for (const exported of Object.values(await import(new URL(file, folder).href))) {
        if (!(exported instanceof PgTable)) continue;
        const { name, columns } = getTableConfig(exported);
        described[name] = columns.map((c) => `${c.name} ${c.getSQLType()}${c.notNull ? "" : "?"}`).sort();
      }
    }
    const { rows } = await client.query<{ table: string; columns: string[] }>(`
      SELECT c.relname AS table, array_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
               || CASE WHEN a.attnotnull THEN '' ELSE '?' END) AS columns
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'schema_versions'
        AND c.relpersistence = 'p'
      GROUP BY c.relname`);
    expect(described).toEqual(Object.fromEntries(rows.map((row) => [row.table, row.columns.sort()])));
  });
});
