/**
 * A provider that has no credit left for us, or does not accept our key, is not asked again by any replica until its
 * block ends: then the next lookup finds out. Kept in Redis; without Redis nobody is blocked.
 */
import { nextMidnightInRomania } from "#src/domain/romanian-calendar.ts";
import type { ProviderError } from "../provider-error.ts";
import type { Redis } from "../redis.ts";

export interface Block {
  reason: "spent" | "unauthorized";
  until: Date;
}

export interface ProviderBlock {
  /** Null: it may be asked. */
  get(): Promise<Block | null>;
  /** Blocks until the time that the provider gave, else for what is usual for its kind. */
  set(error: ProviderError): Promise<Block>;
  clear(): Promise<void>;
}

/** A wrong key is mended by a person, who should not have to wait until midnight. */
const UNAUTHORIZED_MS = 15 * 60_000;

export function createProviderBlock(redis: Redis, provider: string, now: () => Date): ProviderBlock {
  const key = `cerniq:provider:${provider}:blocked`;
  return {
    async get() {
      const stored = await redis.get(key).catch(() => null);
      if (stored === null) return null;
      const { reason, until } = JSON.parse(stored);
      const block: Block = { reason, until: new Date(until) };
      return block.until > now() ? block : null;
    },
    async set(error) {
      const reason = error.kind === "unauthorized" ? "unauthorized" : "spent";
      const block: Block = { reason, until: endOf(error, now()) };
      const forMs = Math.max(block.until.getTime() - now().getTime(), 1);
      await redis.set(key, JSON.stringify(block), "PX", forMs).catch(() => {});
      return block;
    },
    async clear() {
      await redis.del(key).catch(() => {});
    },
  };
}

function endOf({ kind, retryAfterMs }: ProviderError, now: Date): Date {
  if (retryAfterMs !== undefined) return new Date(now.getTime() + retryAfterMs);
  // Quotas are renewed by the day, if not by the month.
  return kind === "unauthorized" ? new Date(now.getTime() + UNAUTHORIZED_MS) : nextMidnightInRomania(now);
}
