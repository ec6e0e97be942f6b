/**
 * Runs the numbered migrations. `node db/migrate.ts up` (the default) goes to the newest, `down` to none,
 * `to N` to a version. Reads MIGRATE_DATABASE_URL, else DATABASE_URL: a login that may create tables and roles.
 */
import { fileURLToPath } from "node:url";
import pg from "pg";
import Postgrator from "postgrator";

const MIGRATIONS = fileURLToPath(new URL("./migrations/*", import.meta.url));
/** Any constant will do; two processes that migrate at once take turns. */
const MIGRATION_LOCK = 7_306_001;

/**
 * Brings the database to a migration version and returns the file names that ran.
 * @param target "max" for the newest, "000" for an empty database, or a number such as "001"
 */
export async function migrate(databaseUrl: string, target = "max"): Promise<string[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query("SELECT pg_advisory_lock($1)", [MIGRATION_LOCK]);
    const postgrator = new Postgrator({
      migrationPattern: MIGRATIONS,
      driver: "pg",
      schemaTable: "schema_versions",
      execQuery: (query) => client.query(query),
    });
    const applied = await postgrator.migrate(target);
    return applied.map((migration) => `${migration.version}.${migration.action}.${migration.name}`);
  } finally {
    await client.end();
  }
}

if (import.meta.main) {
  const url = process.env.MIGRATE_DATABASE_URL ?? process.env.DATABASE_URL;
  if (!url) {
    console.error("Set DATABASE_URL (or MIGRATE_DATABASE_URL) to the Postgres database to migrate.");
    process.exit(1);
  }
  const [command = "up", version] = process.argv.slice(2);
  const targets: Record<string, string | undefined> = { up: "max", down: "000", to: version };
  const target = targets[command];
  if (!target) {
    console.error("Usage: node db/migrate.ts [up | down | to N]");
    process.exit(1);
  }
  const applied = await migrate(url, target);
  console.log(applied.length === 0 ? "The database is up to date." : `Ran ${applied.join(", ")}.`);
}
