import { readdirSync, readFileSync } from "node:fs";
import { Client, Pool, types } from "pg";
import type { Log } from "../log.ts";

/** SQL files, applied once each, in the order of their numbers. */
const MIGRATIONS = new URL("./migrations/", import.meta.url);

/** The advisory lock that makes an engine the only one on its database ("inngest" in ASCII, shortened). */
const LOCK_ID = 1_768_845_934;

types.setTypeParser(types.builtins.INT8, Number);

/** Another engine runs on this database. */
export class EngineAlreadyRunning extends Error {}

/**
 * The engine's connections: a pool for reads, one connection for all writes, which also holds the lock, so
 * that an engine that lost it cannot write.
 */
export class Database {
  readonly pool: Pool;
  readonly #url: string;
  readonly #log: Log;
  readonly #lockWaitMs: number;
  #writer: Client | null = null;

  constructor(url: string, lockWaitMs: number, log: Log) {
    this.#url = url;
    this.#lockWaitMs = lockWaitMs;
    this.#log = log;
    this.pool = new Pool({ ...options(url), max: 6 });
    this.pool.on("error", (error) => log.warn({ err: error }, "an idle Postgres connection was lost"));
  }

  /** Takes the lock and brings the schema up to date; throws EngineAlreadyRunning when another holds it for too long. */
  async open(): Promise<void> {
    const client = await this.writeConnection();
    await client.query("create schema if not exists inngest_engine");
    await client.query(
      "create table if not exists migration (number integer primary key, applied_at timestamptz not null default now())",
    );
    const done = await client.query<{ number: number }>("select number from migration");
    const applied = new Set(done.rows.map((row) => row.number));
    for (const file of readdirSync(MIGRATIONS).sort()) {
      const number = Number.parseInt(file, 10);
      if (applied.has(number)) continue;
      await client.query("begin");
      await client.query(readFileSync(new URL(file, MIGRATIONS), "utf8"));
      await client.query("insert into migration (number) values ($1)", [number]);
      await client.query("commit");
    }
  }

  /** The one connection that writes, opened and locked again when it was lost. */
  async writeConnection(): Promise<Client> {
    if (this.#writer) return this.#writer;
    const client = new Client(options(this.#url));
    client.on("error", (error) => {
      this.#log.warn({ err: error }, "the writing Postgres connection was lost");
      if (this.#writer === client) this.#writer = null;
    });
    await client.connect();
    try {
      await takeLock(client, this.#lockWaitMs);
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
    this.#writer = client;
    return client;
  }

  /** Gives the writing connection up after an error; the next write opens another. */
  dropWriteConnection(): void {
    const client = this.#writer;
    this.#writer = null;
    client?.end().catch(() => {});
  }

  async close(): Promise<void> {
    this.dropWriteConnection();
    await this.pool.end();
  }
}

async function takeLock(client: Client, waitMs: number): Promise<void> {
  const deadline = Date.now() + waitMs;
  for (;;) {
    const answer = await client.query<{ taken: boolean }>("select pg_try_advisory_lock($1) as taken", [
      LOCK_ID,
    ]);
    if (answer.rows[0]?.taken) return;
    if (Date.now() > deadline) {
      throw new EngineAlreadyRunning(
        "Another engine is already running on this database; only one may. Stop it, or set ENGINE_DATABASE_URL to another database.",
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

function options(url: string) {
  return {
    connectionString: url,
    application_name: "inngest-engine",
    options:
      "-c search_path=inngest_engine -c synchronous_commit=on -c idle_in_transaction_session_timeout=60000",
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
  };
}
