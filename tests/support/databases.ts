import { randomBytes } from "node:crypto";
import pg from "pg";
import { inject } from "vitest";

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

async function migratedTemplate(_server: string): Promise<string> {
  throw new Error("db/migrate.ts is not there yet: ask for { migrate: false }");
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
