import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { createLimiter, type Limiter } from "#src/platform/limiter.ts";
import { ProviderError } from "#src/platform/provider-error.ts";
import { createRedis, type Redis } from "#src/platform/redis.ts";

let redis: Redis;
beforeAll(() => {
  redis = createRedis(inject("redisUrl"));
});
afterAll(async () => {
  await redis.quit();
});

const limiter = (name: string = randomUUID(), leaseMs?: number): Limiter =>
  createLimiter(redis, { name, intervalMs: 100, marginMs: 5, ...(leaseMs === undefined ? {} : { leaseMs }) });

async function take(from: Limiter, maxWaitMs = 10_000): Promise<number> {
  const permit = await from.acquire({ maxWaitMs });
  const at = performance.now();
  permit.sent();
  return at;
}

describe("a limiter", () => {
  it("spaces requests, in the order of asking, without wasting time", async () => {
    const shared = limiter();
    const order: number[] = [];
    const at = await Promise.all(
      Array.from({ length: 10 }, async (_, index) => {
        const moment = await take(shared);
        order.push(index);
        return moment;
      }),
    );
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (let index = 1; index < 10; index++)
      expect((at[index] ?? 0) - (at[index - 1] ?? 0)).toBeGreaterThan(100);
    expect((at[9] ?? 0) - (at[0] ?? 0)).toBeLessThan(9 * 250);
  });

  it("counts from the sending, not from the grant", async () => {
    const shared = limiter();
    const permit = await shared.acquire({ maxWaitMs: 1_000 });
    const next = take(shared);
    await new Promise((resolve) => setTimeout(resolve, 150));
    const sentAt = performance.now();
    permit.sent();
    expect((await next) - sentAt).toBeGreaterThan(100);
  });

  it("says at once that the wait would be too long, and keeps no place for it", async () => {
    const shared = limiter();
    const first = Array.from({ length: 5 }, () => take(shared));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const startedAt = performance.now();
    const refused = await shared.acquire({ maxWaitMs: 150 }).catch((error: unknown) => error);
    expect(performance.now() - startedAt).toBeLessThan(100);
    expect(refused).toBeInstanceOf(ProviderError);
    expect(refused).toMatchObject({ kind: "rate_limited", httpStatus: null });
    expect((refused as ProviderError).retryAfterMs).toBeGreaterThan(150);
    await Promise.all(first);
  });

  it("stops waiting when the caller aborts, and the next takes the place", async () => {
    const shared = limiter();
    await take(shared);
    const stop = new AbortController();
    const aborted = shared.acquire({ maxWaitMs: 10_000, signal: stop.signal });
    const next = take(shared);
    stop.abort(new Error("enough"));
    await expect(aborted).rejects.toThrow("enough");
    await next;
  });

  it("slows down for everyone after a back-off", async () => {
    const name = randomUUID();
    await take(limiter(name));
    const startedAt = performance.now();
    await limiter(name).backOff(400);
    expect((await take(limiter(name))) - startedAt).toBeGreaterThan(395);
    await limiter(name).backOff(5_000);
    const refused = await limiter(name)
      .acquire({ maxWaitMs: 1_000 })
      .catch((error: ProviderError) => error);
    expect(refused).toMatchObject({ kind: "rate_limited" });
    expect((refused as ProviderError).retryAfterMs).toBeGreaterThan(4_500);
  });

  it("gives up a request that does not get on its way, and lets the next one go", async () => {
    const shared = limiter(undefined, 300);
    const permit = await shared.acquire({ maxWaitMs: 1_000 });
    const next = take(shared);
    await new Promise((resolve) => permit.signal.addEventListener("abort", resolve));
    expect(permit.signal.reason).toMatchObject({ kind: "unavailable" });
    await next;
  });

  it("starts with a pause on a Redis that knows nothing, because a request may just have gone out", async () => {
    const startedAt = performance.now();
    expect((await take(limiter())) - startedAt).toBeGreaterThan(100);
  });

  it("is unavailable, and says when to come back, without Redis", async () => {
    const gone = createRedis("redis://127.0.0.1:1");
    const refused = await createLimiter(gone, { name: "x", intervalMs: 100 })
      .acquire({ maxWaitMs: 1_000 })
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ kind: "unavailable", retryAfterMs: 2_000 });
    gone.disconnect();
  });
});

describe("two replicas", () => {
  it("never send two requests within the interval, though they stall and one is killed", async () => {
    const arrivals: number[] = [];
    const server = createServer((incoming, outgoing) => {
      arrivals.push(performance.now());
      incoming.resume().on("end", () => outgoing.end("{}"));
    });
    server.keepAliveTimeout = 60_000;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const name = randomUUID();
    const replicas = Array.from({ length: 2 }, () =>
      startReplica({ url, name, intervalMs: 200, marginMs: 120, askers: 5 }),
    );
    try {
      await new Promise((resolve) => setTimeout(resolve, 4_000));
      replicas[0]?.kill("SIGKILL");
      await new Promise((resolve) => setTimeout(resolve, 4_000));
    } finally {
      for (const replica of replicas) replica.kill("SIGKILL");
      server.close().closeAllConnections();
    }
    const spacings = arrivals.slice(1).map((at, index) => at - (arrivals[index] ?? 0));
    expect(Math.min(...spacings)).toBeGreaterThanOrEqual(200);
    // There were enough of them to mean something.
    expect(arrivals.length).toBeGreaterThan(10);
  });
});

interface ReplicaOptions {
  url: string;
  name: string;
  intervalMs: number;
  marginMs: number;
  askers: number;
}

/** Another process that asks for turns and sends as fast as it may, with an event loop that stalls half the time. */
const startReplica = (options: ReplicaOptions) =>
  fork(
    join(import.meta.dirname, "../support/limiter-replica.ts"),
    [JSON.stringify({ ...options, redisUrl: inject("redisUrl") })],
    {
      execArgv: [],
    },
  );
