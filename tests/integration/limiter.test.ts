import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { createLimiter, type Limiter, type LimiterOptions } from "#src/platform/limiter.ts";
import { limiterKeys } from "#src/platform/limiter-script.ts";
import { ProviderError } from "#src/platform/provider-error.ts";
import { createRedis, type Redis } from "#src/platform/redis.ts";

let redis: Redis;
beforeAll(() => {
  redis = createRedis(inject("redisUrl"));
});
afterAll(async () => {
  await redis.quit();
});

const limiter = (options: Partial<LimiterOptions> = {}): Limiter =>
  createLimiter(redis, {
    name: randomUUID(),
    windows: [{ limit: 1, periodMs: 100 }],
    marginMs: 5,
    ...options,
  });

async function take(from: Limiter, rank = 0): Promise<number> {
  const permit = await from.acquire({ maxWaitMs: 10_000, rank });
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
    await take(limiter({ name }));
    const startedAt = performance.now();
    await limiter({ name }).backOff(400);
    expect((await take(limiter({ name }))) - startedAt).toBeGreaterThan(395);
    await limiter({ name }).backOff(5_000);
    const refused = await limiter({ name })
      .acquire({ maxWaitMs: 1_000 })
      .catch((error: ProviderError) => error);
    expect(refused).toMatchObject({ kind: "rate_limited" });
    expect((refused as ProviderError).retryAfterMs).toBeGreaterThan(4_500);
  });

  it("gives up a request that does not get on its way, and lets the next one go", async () => {
    const shared = limiter({ leaseMs: 300 });
    const permit = await shared.acquire({ maxWaitMs: 1_000 });
    const next = take(shared);
    await new Promise((resolve) => permit.signal.addEventListener("abort", resolve));
    expect(permit.signal.reason).toMatchObject({ kind: "unavailable" });
    await next;
  });

  it("spreads a steady stream, and allows for a small burst after idleness", async () => {
    // One every 20.2 ms; a quarter of the window may be made up for at once.
    const shared = limiter({ windows: [{ limit: 50, periodMs: 1_000 }], marginMs: 10 });
    await take(shared);
    await new Promise((resolve) => setTimeout(resolve, 600));
    const startedAt = performance.now();
    const at = await Promise.all(Array.from({ length: 40 }, () => take(shared)));
    const early = at.filter((moment) => moment - startedAt < 15).length;
    expect(early).toBeLessThanOrEqual(14);
    expect(at[39]).toBeGreaterThan(startedAt + (40 - 14) * 20.2);
    expect(at[39]).toBeLessThan(startedAt + 39 * 20.2);
  });

  it("keeps several windows at once", async () => {
    const shared = limiter({
      windows: [
        { limit: 5, periodMs: 100 },
        { limit: 10, periodMs: 1_000 },
      ],
      marginMs: 0,
    });
    const at = await Promise.all(Array.from({ length: 25 }, () => take(shared)));
    expect(mostWithin(at, 1_000)).toBeLessThanOrEqual(10);
    expect(mostWithin(at, 100)).toBeLessThanOrEqual(5);
    expect((at[24] ?? 0) - (at[0] ?? 0)).toBeLessThan(3_500);
  });

  it("serves a lower rank first, whoever came first", async () => {
    const shared = limiter();
    await take(shared);
    const order: number[] = [];
    const waiting = [1, 0, 0, 1, -1].map((rank) => take(shared, rank).then(() => order.push(rank)));
    await Promise.all(waiting);
    expect(order).toEqual([-1, 0, 0, 1, 1]);
  });

  it("makes nobody wait where there is no window, except for a pause", async () => {
    const unlimited = limiter({ windows: [] });
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: 200 }, () => take(unlimited)));
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    await unlimited.backOff(300);
    expect(await unlimited.state()).toMatchObject({ waiting: 0, slowedBy: 0 });
    const pausedAt = performance.now();
    expect((await take(unlimited)) - pausedAt).toBeGreaterThan(280);
  });

  it("tells who waits, the pause that is left, and by how much it has slowed down", async () => {
    const shared = limiter();
    await take(shared);
    expect(await shared.state()).toEqual({ waiting: 0, pausedForMs: 0, slowedBy: 0 });
    await shared.backOff(2_000);
    // What was refused meanwhile was sent before the pause.
    await shared.backOff(1_000);
    const stop = new AbortController();
    const waiting = [1, 2, 3].map(() => shared.acquire({ maxWaitMs: 60_000, signal: stop.signal }));
    await expect.poll(async () => (await shared.state()).waiting).toBe(3);
    const { pausedForMs, slowedBy } = await shared.state();
    expect(pausedForMs).toBeGreaterThan(1_000);
    expect(pausedForMs).toBeLessThanOrEqual(2_000);
    expect(slowedBy).toBe(0.2);
    stop.abort(new Error("enough"));
    await Promise.allSettled(waiting);
    expect((await shared.state()).waiting).toBe(0);
  });

  it("pauses for an outage without slowing down", async () => {
    const shared = limiter();
    await shared.backOff(500, { slower: false });
    expect(await shared.state()).toMatchObject({ slowedBy: 0 });
    expect((await shared.state()).pausedForMs).toBeGreaterThan(300);
  });

  it("keeps a thousand moments at most, however high the limit, and forgets them in the end", async () => {
    const name = randomUUID();
    const fast = limiter({ name, windows: [{ limit: 80_000, periodMs: 10_000 }] });
    const startedAt = performance.now();
    for (let round = 0; round < 15; round++) await Promise.all(Array.from({ length: 100 }, () => take(fast)));
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    const [, queue = "", due = "", log = ""] = limiterKeys(name);
    await expect.poll(() => redis.zcard(log)).toBeLessThanOrEqual(1_000);
    expect(await redis.exists(queue, due)).toBe(0);
    expect(await redis.pttl(log)).toBeGreaterThan(80_000_000);
  });

  it("refuses a limit that cannot be kept", () => {
    expect(() => limiter({ windows: [{ limit: 0, periodMs: 1_000 }] })).toThrow(RangeError);
  });

  it("starts with a pause on a Redis that knows nothing, because a request may just have gone out", async () => {
    const startedAt = performance.now();
    expect((await take(limiter())) - startedAt).toBeGreaterThan(100);
  });

  it("is unavailable, and says when to come back, without Redis", async () => {
    const gone = createRedis("redis://127.0.0.1:1");
    const refused = await createLimiter(gone, { name: "x", windows: [{ limit: 1, periodMs: 100 }] })
      .acquire({ maxWaitMs: 1_000 })
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ kind: "unavailable", retryAfterMs: 2_000 });
    gone.disconnect();
  });
});

describe("replicas", () => {
  it("never send two requests within the interval, though they stall and one is killed", async () => {
    const arrivals = await arrivalsOf(
      { windows: [{ limit: 1, periodMs: 200 }], marginMs: 120, askers: 5, stalls: true },
      { replicas: 2, forMs: 8_000, killOneAfterMs: 4_000 },
    );
    expect(mostWithin(arrivals, 200)).toBe(1);
    // There were enough of them to mean something.
    expect(arrivals.length).toBeGreaterThan(10);
  });

  it("keep every window and lose next to nothing", async () => {
    // A margin for what this machine's stalls do to arrivals; the rate is measured against what it leaves.
    const arrivals = await arrivalsOf(
      {
        windows: [
          { limit: 15, periodMs: 1_000 },
          { limit: 24, periodMs: 2_000 },
        ],
        marginMs: 200,
        askers: 6,
        stalls: false,
      },
      { replicas: 3, forMs: 12_000 },
    );
    expect(mostWithin(arrivals, 1_000)).toBeLessThanOrEqual(15);
    expect(mostWithin(arrivals, 2_000)).toBeLessThanOrEqual(24);
    const seconds = ((arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0)) / 1000;
    expect((arrivals.length - 1) / seconds).toBeGreaterThan((24 / 2.2) * 0.85);
  });
});

interface ReplicaOptions {
  windows: LimiterOptions["windows"];
  marginMs: number;
  askers: number;
  stalls: boolean;
}

/** When requests of several processes, which send as fast as their limiter lets them, arrived (ms). */
async function arrivalsOf(
  options: ReplicaOptions,
  run: { replicas: number; forMs: number; killOneAfterMs?: number },
): Promise<number[]> {
  const arrivals: number[] = [];
  const server = createServer((incoming, outgoing) => {
    arrivals.push(performance.now());
    incoming.resume().on("end", () => outgoing.end("{}"));
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const settings = JSON.stringify({ ...options, url, name: randomUUID(), redisUrl: inject("redisUrl") });
  const program = join(import.meta.dirname, "../support/limiter-replica.ts");
  const replicas = Array.from({ length: run.replicas }, () => fork(program, [settings], { execArgv: [] }));
  const killer = setTimeout(() => replicas[0]?.kill("SIGKILL"), run.killOneAfterMs ?? run.forMs);
  try {
    await new Promise((resolve) => setTimeout(resolve, run.forMs));
  } finally {
    clearTimeout(killer);
    for (const replica of replicas) replica.kill("SIGKILL");
    server.close().closeAllConnections();
  }
  return arrivals;
}

/** The most of these moments that fall into one period, however it is aligned. */
function mostWithin(moments: readonly number[], periodMs: number): number {
  const sorted = moments.toSorted((a, b) => a - b);
  let most = 0;
  let first = 0;
  for (const [index, at] of sorted.entries()) {
    while (at - (sorted[first] ?? at) >= periodMs) first++;
    most = Math.max(most, index - first + 1);
  }
  return most;
}
