import { createHash, randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { inject } from "vitest";
import { migrate } from "#db/migrate.ts";

export type TestDatabase = {
  /** Superuser of the run's Postgres, on a database of this test's own. */
  url: string;
  drop: () => Promise<void>;
};

/** Makes a database for one test file; with `migrate` (the default) it has the whole schema. */
export async function createTestDatabase({
  migrate = true,
}: {
  migrate?: boolean;
} = {}): Promise<TestDatabase> {
  const server = inject("databaseUrl");
  const name = `test_${randomBytes(8).toString("hex")}`;
  const template = migrate ? await migratedTemplate(server) : "template0";
  await execute(server, `create database "${name}" template "${template}"`);
  const url = withDatabase(server, name);
  return {
    url,
    drop: () => execute(server, `drop database if exists "${name}" with (force)`),
  };
}

/**
 * The schema is migrated once and cloned for each test. The name carries a hash of the migrations, so a changed
 * one makes a new template; the lock makes test files that start together wait for the first.
 */
async function migratedTemplate(server: string): Promise<string> {
  const name = `template_${hashOfMigrations()}`;
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    await client.query("select pg_advisory_lock(7306002)");
    const found = await client.query("select 1 from pg_database where datname = $1", [name]);
    if (found.rowCount === 0) {
      const draft = `test_${randomBytes(8).toString("hex")}`;
      await client.query(`create database "${draft}" template template0`);
      await migrate(withDatabase(server, draft));
      await client.query(`alter database "${draft}" rename to "${name}"`);
    }
  } finally {
    await client.end();
  }
  return name;
}

function hashOfMigrations(): string {
  const folder = join(import.meta.dirname, "../../db/migrations");
  const hash = createHash("sha256");
  for (const file of readdirSync(folder).sort()) hash.update(file).update(readFileSync(join(folder, file)));
  return hash.digest("hex").slice(0, 16);
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function withDatabase(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.toString();
}
