/** Connections to Redis. */
import { Redis } from "ioredis";
import type { Logger } from "#src/platform/logger.ts";

export type { Redis } from "ioredis";

/**
 * Opens a connection that reconnects for ever. A command fails after a few tries instead of waiting for ever while
 * Redis is away. The caller ends it with `quit()`.
 */
export function createRedis(url: string, logger?: Logger): Redis {
  const redis = new Redis(url, {
    connectionName: "cerniq",
    connectTimeout: 5_000,
    maxRetriesPerRequest: 3,
    enableAutoPipelining: false,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 6), 2_000),
  });
  // Without a listener Node would end the process. A lost connection is told once, not at every attempt.
  let lost = false;
  redis.on("error", (error: Error) => {
    if (!lost) logger?.warn({ err: error }, "Redis is not reachable; reconnecting");
    lost = true;
  });
  redis.on("ready", () => {
    if (lost) logger?.info("Redis is reachable again");
    lost = false;
  });
  return redis;
}
