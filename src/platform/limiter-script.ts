/**
 * The limiter's protocol: one Lua script, by the clock of Redis, so that all replicas see one truth. Waiting,
 * sleeping and giving up are the caller's part: `limiter.ts`.
 *
 * Two layers decide when a request may go out:
 * - **Windows**, which are the guarantee. `log` holds the newest requests with the moment each was written, or, until
 *   that is told, the end of its lease, at which it will count as written. A window of n requests has room for one
 *   more when the n-th newest entry lies a whole period back.
 * - **Pace**, which is for evenness: `next_at` moves on by one spacing for every grant, and lags behind the clock by
 *   no more than the credit, so that an idle limit allows for a small burst and late callers are made up for.
 */
import { createHash } from "node:crypto";
import type { Redis } from "ioredis";

export interface RateWindow {
  /** So many requests at most in any period. */
  limit: number;
  periodMs: number;
}

/** What the script works with; times in microseconds. */
export interface LimiterSettings {
  windows: readonly { limit: number; periodUs: number }[];
  /** Between two requests of a steady stream at full speed. */
  spacingUs: number;
  /** How far the pace may lag behind the clock, and be made up for at once. */
  creditUs: number;
  /** A granted request counts as written at the end of it, unless told sooner. */
  leaseUs: number;
}

/** A longer log is not kept. A wider window is divided: 80,000 in 10 s become 1,000 in 125 ms, which implies it. */
const LONGEST_LOG = 1_000;
const LONGEST_CREDIT_US = 250_000;

/**
 * `marginMs` is added to every window: what the way to the provider may take longer for one request than for another.
 * A long window gets more, 0.5 % of it, because it costs no more there than a shorter margin in a short window.
 * @throws RangeError when a window is not at least one request in some time
 */
export function limiterSettings(
  windows: readonly RateWindow[],
  marginMs: number,
  leaseMs: number,
): LimiterSettings {
  const divided = windows.map(({ limit, periodMs }) => {
    if (!Number.isInteger(limit) || limit < 1 || !(periodMs > 0)) {
      throw new RangeError(`a limit of ${limit} requests in ${periodMs} ms cannot be kept`);
    }
    const parts = Math.ceil(limit / LONGEST_LOG);
    const safePeriodMs = periodMs + Math.max(marginMs, periodMs / 200);
    return { limit: Math.floor(limit / parts), periodUs: (safePeriodMs * 1000) / parts };
  });
  const spacingUs = Math.max(0, ...divided.map(({ limit, periodUs }) => periodUs / limit));
  const shortestUs = Math.min(...divided.map(({ periodUs }) => periodUs));
  const creditUs = divided.length > 0 ? Math.min(LONGEST_CREDIT_US, shortestUs / 4) : 0;
  return { windows: divided, spacingUs, creditUs, leaseUs: leaseMs * 1000 };
}

/** How long a waiter may be overdue before those behind it take it for dead. */
export const GRACE_MS = 300;
/** A waiter asks again this long after the first in the queue has had its turn: those ahead may have died or left. */
export const RECHECK_MS = 500;
/** After a step of slowing down, and at the very least. */
const SLOWER_SHARE = 0.8;
const SLOWEST_SHARE = 0.1;
/** Of the full rate, regained in a second: 20 s for one step. */
const REGAINED_SHARE_PER_SECOND = 0.01;
const IDLE_KEYS_EXPIRE_MS = 86_400_000;

export type LimiterVerb = "take" | "sent" | "leave" | "back-off" | "state";

export interface LimiterCall {
  /** Whose limit: part of the keys. */
  name: string;
  settings: LimiterSettings;
  verb: LimiterVerb;
  /** Who asks; for "back-off", "slower" when the pace has to come down too. */
  who?: string;
  /** For "take": the ticket of the first answer, 0 before that. For "back-off": how long, in microseconds. */
  number?: number;
  /** For "take": lower goes first. */
  rank?: number;
  /** Stands in for the clock of Redis, in tests. */
  nowUs?: number;
}

/** Answers by verb: take: granted, ticket, wait, ask again in. state: waiting, paused for, per mille of the rate. */
export async function callLimiter(
  redis: Redis,
  { name, settings, verb, who = "", number = 0, rank = 0, nowUs }: LimiterCall,
): Promise<number[]> {
  const keys = limiterKeys(name);
  const args = [verb, who, number, rank, JSON.stringify(settings), nowUs ?? ""];
  const answer = await redis.evalsha(SCRIPT_SHA1, keys.length, ...keys, ...args).catch((error: Error) => {
    if (!error.message.startsWith("NOSCRIPT")) throw error;
    return redis.eval(SCRIPT, keys.length, ...keys, ...args);
  });
  return answer as number[];
}

export const limiterKeys = (name: string): string[] =>
  ["state", "queue", "due", "log"].map((part) => `{cerniq:limit:${name}}:${part}`);

/**
 * state: next_at (the pace), blocked_until (a pause), share and share_at (of the full rate; from then on it grows),
 * tickets (last number given). queue: waiters by ticket. due: when each waiter must have asked again. log: requests
 * by the moment of writing. Times are microseconds since 1970. Where the state is unknown (a new or a wiped Redis)
 * one spacing passes first, because a steady stream may just have been flowing.
 */
const SCRIPT = `
local state, queue, due, log = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local verb, who, number, rank = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local settings = cjson.decode(ARGV[5])
local now = tonumber(ARGV[6])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local function get(field) return tonumber(redis.call('HGET', state, field) or '') end
local function whole(value) return string.format('%.0f', value) end
local function set(field, value) redis.call('HSET', state, field, whole(value)) end
local function leave(waiter) redis.call('ZREM', queue, waiter); redis.call('ZREM', due, waiter) end

local blocked_until = get('blocked_until') or 0
local share = (get('share') or 1) + math.max(now - (get('share_at') or 0), 0) * ${REGAINED_SHARE_PER_SECOND / 1e6}
share = math.min(share, 1)
local spacing = settings.spacingUs / share
local next_at = get('next_at')

local longest_log, longest_period = 0, 0
for _, window in ipairs(settings.windows) do
  longest_log = math.max(longest_log, window.limit)
  longest_period = math.max(longest_period, window.periodUs)
end
local function expire()
  local idle_ms = ${IDLE_KEYS_EXPIRE_MS} + (longest_period + math.max(blocked_until - now, 0)) / 1000
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, whole(idle_ms)) end
end

if verb == 'sent' then
  redis.call('ZADD', log, whole(now), who)
  expire()
  return {}
end

if verb == 'leave' then
  leave(who)
  -- It had its turn and gives it back.
  if redis.call('ZREM', log, who) == 1 and next_at then set('next_at', next_at - spacing) end
  return {}
end

if verb == 'back-off' then
  -- Further refusals during a pause are about requests of before: one step is enough for all of them.
  if who == 'slower' and now >= blocked_until then share = math.max(share * ${SLOWER_SHARE}, ${SLOWEST_SHARE}) end
  blocked_until = math.max(blocked_until, now + number)
  set('blocked_until', blocked_until)
  if who == 'slower' then redis.call('HSET', state, 'share', share, 'share_at', whole(blocked_until)) end
  expire()
  return {}
end

local dead = redis.call('ZRANGE', due, '-inf', '(' .. whole(now - ${GRACE_MS * 1000}), 'BYSCORE')
for _, waiter in ipairs(dead) do leave(waiter) end

if verb == 'state' then
  return {redis.call('ZCARD', queue), math.max(blocked_until - now, 0), share * 1000}
end

-- Room for ranks of some ten thousands and for 10^11 tickets: a score is exact up to 9 * 10^15.
if number == 0 then number = rank * 1e11 + redis.call('HINCRBY', state, 'tickets', 1) end
if not next_at then
  next_at = now + spacing
  set('next_at', next_at)
end

-- The pace: not before it, not before a pause is over, and lagging by no more than the credit.
local pace = math.max(next_at, blocked_until, now - settings.creditUs)

-- When someone with so many ahead may go, if all those ahead go as soon as they may. By the pace alone, nobody with a
-- whole window's requests ahead may go now.
local function turn_at(ahead)
  local at = pace + ahead * spacing
  for _, window in ipairs(settings.windows) do
    local index = math.max(window.limit - 1 - ahead, 0)
    local written = redis.call('ZREVRANGE', log, index, index, 'WITHSCORES')[2]
    -- In the future: not yet told to be written, so now at the earliest.
    if written then at = math.max(at, math.min(tonumber(written), now) + window.periodUs) end
  end
  return at
end

local ahead = redis.call('ZCOUNT', queue, '-inf', '(' .. whole(number))
local at = turn_at(ahead)
if at <= now then
  leave(who)
  set('next_at', pace + spacing)
  if longest_log > 0 then
    redis.call('ZADD', log, whole(now + settings.leaseUs), who)
    redis.call('ZREMRANGEBYRANK', log, 0, -longest_log - 1)
  end
  expire()
  return {1, number, 0, 0}
end

local ask_again_at = math.min(at, math.max(turn_at(0), now) + ${RECHECK_MS * 1000})
redis.call('ZADD', queue, whole(number), who)
redis.call('ZADD', due, whole(ask_again_at), who)
expire()
return {0, number, math.ceil(at - now), math.ceil(ask_again_at - now)}
`;
const SCRIPT_SHA1 = createHash("sha1").update(SCRIPT).digest("hex");
