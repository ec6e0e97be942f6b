import { join } from "node:path";
import pg from "pg";
import type { TestProject } from "vitest/node";
import { AlreadyRunningError } from "#infra/stack/lock.ts";
import { type Stack, startStack } from "#infra/stack/stack.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Superuser of the run's Postgres 18, database `postgres`. */
    databaseUrl: string;
    /** The run's Redis 7. Tests share it: use keys of your own. */
    redisUrl: string;
  }
}

/** One Postgres and one Redis for the whole run: those of DATABASE_URL and REDIS_URL, else our own. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const stack = await startInFreeFolder();
  const postgres = stack.part("postgres");
  if (!postgres.external) await dropLeftovers(postgres.url);
  project.provide("databaseUrl", postgres.url);
  project.provide("redisUrl", stack.part("redis").url);
  return () => stack.stop();
}

// Several runs at once each take a folder of their own, and later ones find its database ready made.
async function startInFreeFolder(): Promise<Stack> {
  const root = join(import.meta.dirname, "../../.local/test");
  for (let slot = 1; ; slot++) {
    try {
      return await startStack({
        dataDir: join(root, `slot-${slot}`),
        parts: ["postgres", "redis"],
        handleSignals: false,
      });
    } catch (error) {
      if (!(error instanceof AlreadyRunningError) || slot === 20) throw error;
    }
  }
}

async function dropLeftovers(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const left = await client.query<{ name: string }>(
      "select datname as name from pg_database where datname like 'test\\_%'",
    );
    for (const { name } of left.rows) {
      await client.query(`drop database if exists ${client.escapeIdentifier(name)} with (force)`);
    }
  } finally {
    await client.end();
  }
}
