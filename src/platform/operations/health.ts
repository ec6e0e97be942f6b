/** How every part stands, each with a sentence for the person who looks. */
import { statfs } from "node:fs/promises";
import { resolve } from "node:path";
import { sql } from "drizzle-orm";
import type { Db } from "#db/client.ts";
import { inSystem } from "#db/client.ts";
import { overdueSeconds } from "#db/queries/function-figures.ts";
import { outboxLag } from "#db/queries/queue-depths.ts";
import type { ProviderRuntime } from "../connect-providers.ts";
import type { Redis } from "../redis.ts";

/** ok; off: not in use, by choice; degraded: work goes on, or will by itself; down: somebody has to look. */
export const healthStates = ["ok", "off", "degraded", "down"] as const;

export type HealthState = (typeof healthStates)[number];

export interface PartHealth {
  part: string;
  state: HealthState;
  sentence: string;
}

export interface HealthDeps {
  db: Db;
  redis: Redis;
  config: { INNGEST_BASE_URL: string; UPLOAD_DIR: string };
  providerRuntimes: readonly ProviderRuntime[];
}

const CHECK_MS = 3_000;
/** Events that wait longer, and work that is overdue for longer, are not what a busy minute brings. */
const LAG_SECONDS = 60;
/** The whole registry's export, with room for its tables' growth elsewhere. */
const LOW_DISK_BYTES = 5_000_000_000;

/**
 * @param pausedProviders slugs that the workspace has paused
 * @returns the parts, and the worst of their states: what is off does not count
 */
export async function healthOfAllParts(
  deps: HealthDeps,
  { isSynced, pausedProviders }: { isSynced: () => boolean; pausedProviders: ReadonlySet<string> },
): Promise<{ state: HealthState; parts: PartHealth[] }> {
  const parts = await Promise.all([
    checked("postgres", async () => {
      await deps.db.execute(sql`SELECT 1`);
      return ok("It answers.");
    }),
    checked("redis", async () => {
      await deps.redis.ping();
      return ok("It answers.");
    }),
    checked("engine", () => engineHealth(deps.config.INNGEST_BASE_URL, isSynced())),
    checked("outbox", async () => {
      const { pending, oldestSeconds } = await inSystem(deps.db, outboxLag);
      const waiting = `${pending} events wait to be taken up, the oldest for ${Math.round(oldestSeconds)} s.`;
      return oldestSeconds > LAG_SECONDS ? degraded(waiting) : ok(waiting);
    }),
    checked("sweeper", async () => {
      const seconds = Math.round(await inSystem(deps.db, overdueSeconds));
      if (seconds === 0) return ok("Nothing is past its deadline.");
      const sentence = `Work is ${seconds} s past its deadline and was not started again.`;
      return seconds > LAG_SECONDS ? { state: "down", sentence } : ok(sentence);
    }),
    checked("uploads", () => diskHealth(deps.config.UPLOAD_DIR)),
    ...deps.providerRuntimes.map((runtime) =>
      checked(`provider:${runtime.slug}`, () => providerHealth(runtime, pausedProviders)),
    ),
  ]);
  const worst = (["down", "degraded"] as const).find((state) => parts.some((part) => part.state === state));
  return { state: worst ?? "ok", parts };
}

type Health = Omit<PartHealth, "part">;
const ok = (sentence: string): Health => ({ state: "ok", sentence });
const degraded = (sentence: string): Health => ({ state: "degraded", sentence });

/** A check that fails, or takes too long, says that the part is down; no more, for its error may say too much. */
async function checked(part: string, check: () => Promise<Health>): Promise<PartHealth> {
  const { promise: tooLong, resolve: giveUp } = Promise.withResolvers<Health>();
  const timer = setTimeout(
    () => giveUp({ state: "down", sentence: `No answer within ${CHECK_MS / 1_000} s.` }),
    CHECK_MS,
  );
  const failed = (): Health => ({ state: "down", sentence: "It cannot be reached." });
  try {
    return { part, ...(await Promise.race([check().catch(failed), tooLong])) };
  } finally {
    clearTimeout(timer);
  }
}

async function engineHealth(baseUrl: string, synced: boolean): Promise<Health> {
  const answer = await fetch(new URL("/health", baseUrl), { signal: AbortSignal.timeout(CHECK_MS) });
  await answer.body?.cancel();
  if (!answer.ok) return { state: "down", sentence: `It answers with HTTP ${answer.status}.` };
  return synced
    ? ok("It answers, and knows our functions.")
    : degraded("It answers; this process has not registered its functions yet.");
}

async function diskHealth(folder: string): Promise<Health> {
  const { bavail, bsize } = await statfs(resolve(folder));
  const freeBytes = bavail * bsize;
  const sentence = `${(freeBytes / 1e9).toFixed(1)} GB are free for uploads.`;
  return freeBytes < LOW_DISK_BYTES ? degraded(sentence) : ok(sentence);
}

async function providerHealth(
  { slug, operations, breaker, block }: ProviderRuntime,
  paused: ReadonlySet<string>,
): Promise<Health> {
  if (paused.has(slug)) return { state: "off", sentence: "It is paused." };
  if (operations === null) return { state: "off", sentence: "Its credentials are not set." };
  const blocked = await block.get();
  if (blocked) {
    const why = blocked.reason === "spent" ? "no credit is left" : "our key is not accepted";
    return { state: "down", sentence: `Not asked until ${blocked.until.toISOString()}: ${why}.` };
  }
  if (breaker.state() === "closed") return ok("It is asked.");
  return degraded("Too many of its last answers were failures; it is tried again within a minute.");
}
