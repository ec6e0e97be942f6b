/** Rate limits: counted in Redis for all replicas, and by each replica while Redis is away. */
import { randomUUID } from "node:crypto";
import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { Principal } from "#src/domain/access/principal.ts";
import type { AppEnv } from "#src/http/envelope.ts";
import { errorHandler } from "#src/http/errors.ts";
import { rateLimit } from "#src/http/middleware/rate-limit.ts";
import { createLogger } from "#src/platform/logger.ts";
import { createRateLimiter, type RateLimiter } from "#src/platform/rate-limit.ts";
import { createRedis, type Redis } from "#src/platform/redis.ts";

let redis: Redis;
let other: Redis;
let limiter: RateLimiter;

beforeAll(async () => {
  redis = createRedis(inject("redisUrl"));
  other = createRedis(inject("redisUrl"));
  await Promise.all([redis.ping(), other.ping()]);
  limiter = createRateLimiter(redis);
});
afterAll(async () => {
  await redis.quit();
  await other.quit();
});

describe("a limit", () => {
  it("allows so many requests a minute, and says when there are more", async () => {
    const who = randomUUID();
    const taken = [];
    for (let n = 0; n < 4; n++) taken.push(await limiter.take(who, 3));
    expect(taken.map(({ allowed, remaining }) => [allowed, remaining])).toEqual([
      [true, 2],
      [true, 1],
      [true, 0],
      [false, 0],
    ]);
    expect(taken[3]?.resetSeconds).toBeGreaterThan(0);
    expect(taken[3]?.resetSeconds).toBeLessThanOrEqual(60);
  });

  it("holds for all replicas together, and for each caller alone", async () => {
    const who = randomUUID();
    const replica = createRateLimiter(other);
    const taken = await Promise.all(
      Array.from({ length: 20 }, (_, n) => (n % 2 ? replica : limiter).take(who, 5)),
    );
    expect(taken.filter(({ allowed }) => allowed)).toHaveLength(5);
    expect(await limiter.take(randomUUID(), 5)).toMatchObject({ allowed: true, remaining: 4 });
  });

  it("stores nobody's name", async () => {
    const who = `sign-in:ana-${randomUUID()}@example.ro`;
    await limiter.take(who, 5);
    expect(await redis.keys("*ana-*")).toEqual([]);
  });

  it("holds without Redis too, in each replica", async () => {
    const gone = createRedis("redis://127.0.0.1:9");
    try {
      const alone = createRateLimiter(gone);
      const who = randomUUID();
      const taken = [];
      for (let n = 0; n < 3; n++) taken.push(await alone.take(who, 2));
      expect(taken.map(({ allowed }) => allowed)).toEqual([true, true, false]);
    } finally {
      gone.disconnect();
    }
  });
});

describe("requests", () => {
  function app(principal: Partial<Principal> | null, clientIp: string | null = null) {
    const made = new Hono<AppEnv>();
    made.onError(errorHandler(createLogger("silent")));
    made.use(async (c, next) => {
      c.set("clientIp", clientIp);
      if (principal) c.set("principal", principal as Principal);
      await next();
    });
    made.use(rateLimit(limiter, 2)).get("/", (c) => c.text("ok"));
    return made;
  }
  async function statuses(made: Hono<AppEnv>, count: number): Promise<number[]> {
    const seen = [];
    for (let n = 0; n < count; n++) seen.push((await made.request("/")).status);
    return seen;
  }

  it("of a user are counted by who they are, wherever they come from", async () => {
    const ana = { kind: "user", id: randomUUID() } as const;
    expect(await statuses(app(ana, "203.0.113.1"), 1)).toEqual([200]);
    expect(await statuses(app(ana, "203.0.113.2"), 2)).toEqual([200, 429]);
  });

  it("are answered with where the caller stands, and when to come back", async () => {
    const made = app({ kind: "user", id: randomUUID() });
    const { headers } = await made.request("/");
    expect(headers.get("ratelimit-limit")).toBe("2");
    expect(headers.get("ratelimit-remaining")).toBe("1");
    expect(Number(headers.get("ratelimit-reset"))).toBeGreaterThan(0);
    await made.request("/");
    const refused = await made.request("/");
    expect(refused.status).toBe(429);
    expect(refused.headers.get("ratelimit-remaining")).toBe("0");
    expect(refused.headers.get("retry-after")).toBe(refused.headers.get("ratelimit-reset"));
    expect(await refused.json()).toMatchObject({ success: false, error: { code: "rate_limited" } });
  });

  it("of strangers are counted by their address, and of IPv6 by the network", async () => {
    const block = Math.floor(Math.random() * 0xffff).toString(16);
    expect(await statuses(app(null, `2001:db8:${block}:1::1`), 2)).toEqual([200, 200]);
    expect(await statuses(app(null, `2001:db8:${block}:1::2`), 1)).toEqual([429]);
    expect(await statuses(app(null, `2001:db8:${block}:2::1`), 1)).toEqual([200]);
  });

  it("of an API key have its own limit, and of a service none unless one is set", async () => {
    const id = randomUUID();
    expect(await statuses(app({ kind: "api_key", id, requestsPerMinute: 3 }), 4)).toEqual([
      200, 200, 200, 429,
    ]);
    expect(await statuses(app({ kind: "service", id }), 10)).not.toContain(429);
    expect(await statuses(app({ kind: "service", id, requestsPerMinute: 1 }), 2)).toEqual([200, 429]);
  });
});
