/** Everything that functions and routes lean on, made once from the configuration and passed as the first argument. */
import type { Inngest } from "inngest";
import { createDb, type Db } from "#db/client.ts";
import { createInngest } from "#inngest.config";
import type { Config } from "./config.ts";
import { connectProviders, type Gateways, type ProviderRuntime } from "./platform/connect-providers.ts";
import { createLogger, type Logger } from "./platform/logger.ts";
import { createProviderAccounts, type ProviderAccounts } from "./platform/provider-accounts.ts";
import { createRateLimiter, type RateLimiter } from "./platform/rate-limit.ts";
import { createRedis, type Redis } from "./platform/redis.ts";
import { createSafeFetch, type SafeFetch } from "./platform/safe-fetch.ts";
import { createVault, type Vault } from "./platform/vault.ts";
import { catalog } from "./providers/catalog.ts";

export interface Deps {
  config: Config;
  db: Db;
  redis: Redis;
  logger: Logger;
  vault: Vault;
  inngest: Inngest;
  /** `providers.<key>?.<operation>`: undefined while the provider's credentials are not given. */
  providers: Gateways<typeof catalog>;
  /** The same providers, for those who watch over them: one of each in the catalog. */
  providerRuntimes: readonly ProviderRuntime[];
  /** Both, as a workspace has them: with its own credentials, where it has given some. */
  accounts: ProviderAccounts<typeof catalog>;
  /** For those who ask us, not for those whom we ask. */
  rateLimiter: RateLimiter;
  /** For webhooks that we send. */
  webhookFetch: SafeFetch;
  now: () => Date;
}

export function createDeps(config: Config): Deps {
  const logger = createLogger(config.LOG_LEVEL);
  const db = createDb(config.DATABASE_URL, { max: 20 });
  const redis = createRedis(config.REDIS_URL, logger);
  const now = () => new Date();
  const limited = config.PROVIDER_LIMITS === "on";
  const vault = createVault(config.SECRET_KEYS);
  const parts = { db, redis, logger, now, limited, vault };
  const installation = connectProviders(parts, catalog, config);
  return {
    config,
    db,
    redis,
    logger,
    vault,
    rateLimiter: createRateLimiter(redis),
    inngest: createInngest(config, logger),
    providers: installation.gateways,
    providerRuntimes: installation.runtimes,
    accounts: createProviderAccounts(parts, catalog, config, installation),
    webhookFetch: createSafeFetch(),
    now,
  };
}

/** Closes what {@link createDeps} opened. */
export async function closeDeps(deps: Deps): Promise<void> {
  await Promise.allSettled([deps.db.$client.end(), deps.redis.quit()]);
}
