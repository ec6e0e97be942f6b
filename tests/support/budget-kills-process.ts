/**
 * A process of its own that asks Hunter about the domains of one job through the gateway, in an order of its own, until
 * every one of them has ended; or until it is killed. Prints "ready" before its first request, "done" after its last.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createDb } from "#db/client.ts";
import { connectProviders } from "#src/platform/connect-providers.ts";
import { createLogger } from "#src/platform/logger.ts";
import { ProviderError } from "#src/platform/provider-error.ts";
import { createRedis } from "#src/platform/redis.ts";
import { sweepDeadCalls } from "#src/platform/unanswered-calls.ts";
import { hunter } from "#src/providers/hunter/provider.ts";

export interface BudgetKillsOptions {
  databaseUrl: string;
  redisUrl: string;
  env: Record<string, string>;
  workspaceId: string;
  jobId: string;
  lookups: { prospectId: string; subject: string }[];
  inFlight: number;
  leaseMs: number;
}

/** Its arguments: a file with the options, where in the list to begin, and a name of its own. */
const [, , file = "", from = "0", name = ""] = process.argv;
const options: BudgetKillsOptions = JSON.parse(readFileSync(file, "utf8"));
const { workspaceId, jobId, lookups, inFlight, leaseMs } = options;
const db = createDb(options.databaseUrl, { max: 5 });
const redis = createRedis(options.redisUrl);
const logger = createLogger("silent");

const definition = {
  ...hunter,
  connect(env: Parameters<typeof hunter.connect>[0]) {
    const operations = hunter.connect(env);
    if (!operations) throw new Error("Hunter has no key");
    const { limit } = operations.domainSearch;
    return { domainSearch: { ...operations.domainSearch, limit: { ...limit, inFlight } } };
  },
};
const deps = { db, redis, logger, now: () => new Date(), limited: false, leaseMs };
const gateway = connectProviders(deps, { hunter: definition }, options.env).gateways.hunter?.domainSearch;
if (!gateway) throw new Error("Hunter is off");

const CHUNK = 40;
const chunks = Array.from({ length: Math.ceil(lookups.length / CHUNK) }, (_, index) =>
  lookups.slice(index * CHUNK, (index + 1) * CHUNK),
);
const first = Number(from) % chunks.length;
const open = [...chunks.slice(first), ...chunks.slice(0, first)];

const sweeping = setInterval(() => sweepDeadCalls({ db, logger }).catch(() => {}), leaseMs);
console.log("ready");
// One field that all processes work on, and one by whose calls this one is known.
await Promise.all([work("shared"), work(name)]);
clearInterval(sweeping);
console.log("done");
await Promise.allSettled([db.$client.end(), redis.quit()]);

async function work(field: string): Promise<void> {
  for (let chunk = open.shift(); chunk; chunk = open.shift()) {
    const ended = await gateway?.lookup({ workspaceId, jobId, field }, chunk).catch((error: unknown) => {
      // What the step's retry is for.
      if (error instanceof ProviderError && error.retryable) return null;
      throw error;
    });
    const again = [...(ended?.values() ?? [])].some(
      ({ status }) => status === "missing" || status === "unavailable",
    );
    if (ended && !again) continue;
    open.push(chunk);
    await sleep(50);
  }
}
