/** Everything that functions and routes lean on, made once from the configuration and passed as the first argument. */
import type { Inngest } from "inngest";
import { createDb, type Db } from "#db/client.ts";
import { createInngest } from "#inngest.config";
import type { Config } from "./config.ts";
import { createLimiter } from "./platform/limiter.ts";
import { createLogger, type Logger } from "./platform/logger.ts";
import { createRedis, type Redis } from "./platform/redis.ts";
import { type AnafAdapter, createAnafAdapter } from "./providers/anaf/adapter.ts";
import { createAnafClient } from "./providers/anaf/client.ts";

export interface Providers {
  anaf: AnafAdapter;
}

export interface Deps {
  config: Config;
  db: Db;
  redis: Redis;
  logger: Logger;
  inngest: Inngest;
  providers: Providers;
  now: () => Date;
}

export function createDeps(config: Config): Deps {
  const logger = createLogger(config.LOG_LEVEL);
  const db = createDb(config.DATABASE_URL, { max: 20 });
  const redis = createRedis(config.REDIS_URL, logger);
  const now = () => new Date();
  const shared = { db, logger, now };
  return {
    ...shared,
    config,
    redis,
    inngest: createInngest(config, logger),
    providers: {
      anaf: createAnafAdapter({
        ...shared,
        client: createAnafClient({ baseUrl: config.ANAF_BASE_URL }),
        // The margin is for the way there: requests written a second apart may arrive closer together.
        limiter: createLimiter(redis, {
          name: "anaf",
          windows: [{ limit: 1, periodMs: 1000 }],
          marginMs: 50,
        }),
      }),
    },
  };
}

/** Closes what {@link createDeps} opened. */
export async function closeDeps(deps: Deps): Promise<void> {
  await Promise.allSettled([deps.db.$client.end(), deps.redis.quit()]);
}
