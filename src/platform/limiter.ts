/**
 * A limit on how often we call a provider, shared by all replicas through Redis: at most one request in any
 * interval, first come, first served. Why this and no library: docs/decisions/0005-provider-limits.md.
 *
 * What a provider counts is the moment a request reaches it. Between a grant and that moment lie a busy event loop
 * and a connection to open, so a grant alone starts no interval: the caller tells when the request has been written,
 * and the next grant comes one interval after *that*, by the clock of Redis. A caller that stalls costs time and
 * never sends two requests too close together.
 */
import { createHash, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import { ProviderError } from "#src/providers/errors.ts";

export interface LimiterOptions {
  /** Whose limit it is, such as "anaf": names the keys in Redis, and the provider in errors. */
  name: string;
  /** Never two requests closer together than this. */
  intervalMs: number;
  /** Added to the interval: the way to the provider may take longer for one request than for the next. */
  marginMs?: number;
  /** A granted request that is not on its way by then is given up, and so much time is lost to all. */
  leaseMs?: number;
}

export interface Permit {
  /** Aborts, with a retryable ProviderError, when the request has not been written in time: pass it to the request. */
  readonly signal: AbortSignal;
  /** To be called when the request has been written (or will never be). Repeating it is harmless. */
  sent(): void;
}

export interface AcquireOptions {
  /** A longer wait than this is refused, as soon as it is known. */
  maxWaitMs: number;
  signal?: AbortSignal;
}

export interface Limiter {
  /**
   * Waits for this caller's turn.
   * @throws ProviderError rate_limited, with `retryAfterMs`, when the wait would be too long; unavailable when
   * Redis cannot be reached; the signal's reason when it aborts
   */
  acquire(options: AcquireOptions): Promise<Permit>;
  /** Nobody's turn comes for this long: the provider has asked for a pause. */
  backOff(ms: number): Promise<void>;
}

/** How long a waiter may be overdue before those behind it take it for dead. */
const GRACE_MS = 300;

export function createLimiter(
  redis: Redis,
  { name, intervalMs, marginMs = 40, leaseMs = Math.max(2 * intervalMs, 250) }: LimiterOptions,
): Limiter {
  const settings = {
    spacingUs: (intervalMs + marginMs) * 1000,
    leaseUs: leaseMs * 1000,
    graceUs: GRACE_MS * 1000,
  };
  const call = (verb: LimiterVerb, argument: string | number, ticket = 0) =>
    callLimiter(redis, { name, settings, verb, argument, ticket }).catch((error: unknown) => {
      const detail = "the limiter's Redis cannot be reached";
      throw new ProviderError(name, "unavailable", { detail, retryAfterMs: 2_000, cause: error });
    });

  function permit(id: string, grantedAt: number): Permit {
    const unsent = new AbortController();
    const timer = setTimeout(
      () => {
        const detail = "the request was not on its way in time";
        unsent.abort(new ProviderError(name, "unavailable", { detail, retryAfterMs: intervalMs }));
      },
      leaseMs - (performance.now() - grantedAt),
    );
    let told = false;
    return {
      signal: unsent.signal,
      sent() {
        if (told) return;
        told = true;
        clearTimeout(timer);
        // Lost with Redis? Then the lease's end counts as the moment of sending, which is later: safe, only slower.
        call("sent", id).catch(() => {});
      },
    };
  }

  return {
    async acquire({ maxWaitMs, signal }) {
      const id = randomUUID();
      const refusedAt = performance.now() + maxWaitMs;
      let ticket = 0;
      try {
        for (;;) {
          signal?.throwIfAborted();
          const askedAt = performance.now();
          const turn = await call("take", id, ticket);
          ticket = turn.ticket;
          if (turn.granted) {
            // Too much of the lease went by before we heard of it.
            if (performance.now() - askedAt < leaseMs / 4) return permit(id, askedAt);
            await call("leave", id);
            continue;
          }
          if (performance.now() + turn.waitMs > refusedAt) {
            const detail = "too many requests are waiting";
            throw new ProviderError(name, "rate_limited", { detail, retryAfterMs: Math.ceil(turn.waitMs) });
          }
          await sleep(Math.ceil(turn.askAgainMs), undefined, { signal });
        }
      } catch (error) {
        if (ticket > 0) await call("leave", id).catch(() => {});
        signal?.throwIfAborted();
        throw error;
      }
    },
    async backOff(ms) {
      await call("back-off", Math.ceil(ms * 1000));
    },
  };
}

export type LimiterVerb = "take" | "sent" | "leave" | "back-off";

export interface LimiterCall {
  name: string;
  settings: { spacingUs: number; leaseUs: number; graceUs: number };
  verb: LimiterVerb;
  /** Who asks; for "back-off" how long, in microseconds. */
  argument: string | number;
  /** What the first `take` answered: the place in the queue. 0: a new one. */
  ticket: number;
  /** Stands in for the clock of Redis, in tests. */
  nowUs?: number;
}

export interface LimiterTurn {
  granted: boolean;
  ticket: number;
  /** How long the wait will be, if all those ahead take their turns. */
  waitMs: number;
  /** When to ask again; whoever does not is taken for dead. */
  askAgainMs: number;
}

/** One step of the protocol. */
export async function callLimiter(
  redis: Redis,
  { name, settings, verb, argument, ticket, nowUs }: LimiterCall,
): Promise<LimiterTurn> {
  const keys = ["state", "queue", "due"].map((part) => `{cerniq:limit:${name}}:${part}`);
  const { spacingUs, leaseUs, graceUs } = settings;
  const args = [verb, argument, ticket, spacingUs, leaseUs, graceUs, nowUs ?? ""];
  const answer = await redis.evalsha(SCRIPT_SHA1, keys.length, ...keys, ...args).catch((error: Error) => {
    if (!error.message.startsWith("NOSCRIPT")) throw error;
    return redis.eval(SCRIPT, keys.length, ...keys, ...args);
  });
  const [granted, place, waitUs, askAgainUs] = answer as [number, number, number, number];
  return { granted: granted === 1, ticket: place, waitMs: waitUs / 1000, askAgainMs: askAgainUs / 1000 };
}

/**
 * state: free_at (no grant before it), blocked_until (back-off), holder and granted_at (a grant not yet sent),
 * tickets (last number given). queue: waiters by ticket. due: when each waiter must have asked again.
 * Times are microseconds since 1970. Where the state is unknown (a new or a wiped Redis) one interval passes first.
 */
const SCRIPT = `
local state, queue, due = KEYS[1], KEYS[2], KEYS[3]
local verb, id, ticket = ARGV[1], ARGV[2], tonumber(ARGV[3])
local spacing, lease, grace = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local now = tonumber(ARGV[7])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local function get(field) return tonumber(redis.call('HGET', state, field) or '') end
local function set(field, value) redis.call('HSET', state, field, string.format('%.0f', value)) end
local function leave(who) redis.call('ZREM', queue, who); redis.call('HDEL', due, who) end

local free_at, blocked_until = get('free_at'), get('blocked_until') or 0
if not free_at then
  free_at = now + spacing
  set('free_at', free_at)
end
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, 86400) end
local holder = redis.call('HGET', state, 'holder')

if verb == 'sent' then
  if holder == id then
    redis.call('HDEL', state, 'holder')
    set('free_at', now + spacing)
  else
    -- Told after its lease: the next may be on its way already, the one after that keeps its distance.
    set('free_at', math.max(free_at, now + spacing))
  end
  return {0, 0, 0, 0}
end

if verb == 'leave' then
  leave(id)
  if holder == id then
    redis.call('HDEL', state, 'holder')
    set('free_at', now)
  end
  return {0, 0, 0, 0}
end

if verb == 'back-off' then
  set('blocked_until', math.max(blocked_until, now + tonumber(id)))
  return {0, 0, 0, 0}
end

if ticket == 0 then ticket = redis.call('HINCRBY', state, 'tickets', 1) end
redis.call('ZADD', queue, 'NX', ticket, id)
redis.call('HSET', due, id, string.format('%.0f', now))
local position = 0
for _, other in ipairs(redis.call('ZRANGE', queue, 0, -1)) do
  if other == id then break end
  if (tonumber(redis.call('HGET', due, other) or '0')) + grace < now then leave(other) else position = position + 1 end
end

local at = math.max(free_at, blocked_until)
if position == 0 and now >= at then
  leave(id)
  redis.call('HSET', state, 'holder', id)
  set('granted_at', now)
  -- Unless the holder says sooner that it has sent, it is taken to have sent at the end of its lease.
  set('free_at', now + lease + spacing)
  return {1, ticket, 0, 0}
end

if holder and now < free_at then
  -- The holder will soon tell when it sent: ask often enough to learn it in time.
  at = math.max(blocked_until, math.min(free_at, math.max(get('granted_at') + spacing, now + 5000)))
end
local until_first = math.max(at - now, 0)
-- Not only when the turn should come: those ahead may have died or left.
local ask_again = until_first + math.min(position, 1) * spacing
redis.call('HSET', due, id, string.format('%.0f', now + ask_again))
return {0, ticket, until_first + position * spacing, ask_again}
`;
const SCRIPT_SHA1 = createHash("sha1").update(SCRIPT).digest("hex");
