/** The app's configuration for tests that run it in this process. */
import { inject } from "vitest";
import { type Config, loadConfig } from "#src/config.ts";
import { TEST_SECRET_KEYS, TEST_SERVICE_KEY } from "./secret-keys.ts";

/** Its environment on a database of the test's own. No engine is there: nothing is sent. */
export const testEnv = (databaseUrl: string): Record<string, string> => ({
  DATABASE_URL: databaseUrl,
  REDIS_URL: inject("redisUrl"),
  INNGEST_BASE_URL: "http://127.0.0.1:9",
  INNGEST_EVENT_KEY: "test",
  INNGEST_SIGNING_KEY: "signkey-test-00",
  SECRET_KEYS: TEST_SECRET_KEYS,
  SERVICE_KEY: TEST_SERVICE_KEY,
  NODE_ENV: "test",
  LOG_LEVEL: "silent",
});

/** @param env beside that, or in its place */
export const testConfig = (databaseUrl: string, env: Record<string, string> = {}): Config =>
  loadConfig({ ...testEnv(databaseUrl), ...env });
