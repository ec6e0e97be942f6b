/**
 * The limiter's protocol against the rules it promises, on a real Redis but on a clock of the test's own: whatever
 * waiters do, and whoever dies, no window is ever exceeded, first come is first served within a rank, it never stands
 * still, and a steady stream gets nearly all that the tightest window allows.
 */
import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import {
  callLimiter,
  GRACE_MS,
  type LimiterVerb,
  limiterKeys,
  limiterSettings,
  type RateWindow,
  RECHECK_MS,
} from "#src/platform/limiter-script.ts";
import { createRedis, type Redis } from "#src/platform/redis.ts";

const LEASE_MS = 2_000;
const EVERY_SECOND: RateWindow[] = [{ limit: 1, periodMs: 1_000 }];

let redis: Redis;
beforeAll(() => {
  redis = createRedis(inject("redisUrl"));
});
afterAll(async () => {
  await redis.quit();
});

/** A waiter's life: when it comes, how late it is at each of its polls, how it ends. */
interface Plan {
  comesUs: number;
  rank: number;
  lateUs: number;
  /** From the grant to the request on the wire; the waiter tells right then, or a little later. */
  sendsAfterUs: number;
  tellsAfterUs: number;
  fate: "sends" | "dies waiting" | "dies granted" | "dies sent" | "gives back" | "leaves";
}

const plan: fc.Arbitrary<Plan> = fc.record({
  comesUs: fc.integer({ min: 0, max: 6_000_000 }),
  rank: fc.constantFrom(0, 0, 0, -1, 1),
  lateUs: fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 0, max: 5_000 }) },
    fc.integer({ min: 0, max: 290_000 }),
  ),
  sendsAfterUs: fc.oneof(
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 20_000 }) },
    fc.integer({ min: 0, max: 1_900_000 }),
  ),
  tellsAfterUs: fc.integer({ min: 0, max: 5_000 }),
  fate: fc.oneof(
    { weight: 2, arbitrary: fc.constant<"sends">("sends") },
    fc.constantFrom("dies waiting", "dies granted", "dies sent", "gives back", "leaves"),
  ),
});

const someWindows: fc.Arbitrary<RateWindow[]> = fc.oneof(
  fc.constant(EVERY_SECOND),
  fc.array(
    fc.record({ limit: fc.integer({ min: 1, max: 6 }), periodMs: fc.integer({ min: 200, max: 4_000 }) }),
    { minLength: 1, maxLength: 3 },
  ),
);

interface Waiter extends Plan {
  id: string;
  ticket: number;
  gaveBack: boolean;
  polls: number;
}

interface Pause {
  atUs: number;
  forUs: number;
}

/** What happened, in order. */
interface History {
  sentAt: number[];
  grants: { ticket: number; rank: number; atUs: number }[];
  /** Waiters that should have got their turn and did not by the end. */
  stranded: number;
}

interface World {
  windows: RateWindow[];
  plans: Plan[];
  pauses?: Pause[];
  /** A waiter that has sent comes again at once: a steady stream. Ends at this time. */
  againUntilUs?: number;
}

async function simulate({ windows, plans, pauses = [], againUntilUs = 0 }: World): Promise<History> {
  const name = `property:${randomUUID()}`;
  const settings = limiterSettings(windows, 0, LEASE_MS);
  const epochUs = 1_800_000_000_000_000;
  const call = (verb: LimiterVerb, nowUs: number, rest: { who?: string; number?: number; rank?: number }) =>
    callLimiter(redis, { name, settings, verb, nowUs: epochUs + Math.ceil(nowUs), ...rest });

  const history: History = { sentAt: [], grants: [], stranded: 0 };
  const agenda: { atUs: number; run: (nowUs: number) => Promise<void> }[] = [];
  const plan = (atUs: number, run: (nowUs: number) => Promise<void>) => agenda.push({ atUs, run });
  const come = (each: Plan, atUs: number) =>
    plan(atUs, poll({ ...each, id: randomUUID(), ticket: 0, gaveBack: false, polls: 0 }));

  const poll = (waiter: Waiter) => async (nowUs: number) => {
    waiter.polls++;
    const { id: who, ticket: number, rank } = waiter;
    const [granted, ticket = 0, , askAgainUs = 0] = await call("take", nowUs, { who, number, rank });
    waiter.ticket = ticket;
    if (granted !== 1) {
      if (waiter.fate === "dies waiting" && waiter.polls > 1) return;
      if (waiter.fate === "leaves" && waiter.polls > 1) return void (await call("leave", nowUs, { who }));
      plan(nowUs + Math.max(1, askAgainUs) + waiter.lateUs, poll(waiter));
      return;
    }
    history.grants.push({ ticket, rank, atUs: nowUs });
    if (waiter.fate === "dies granted") return;
    if (waiter.fate === "gives back" && !waiter.gaveBack) {
      waiter.gaveBack = true;
      await call("leave", nowUs + 1, { who });
      plan(nowUs + 2, poll(waiter));
      return;
    }
    plan(nowUs + waiter.sendsAfterUs, async (sentUs) => {
      history.sentAt.push(sentUs);
      if (sentUs < againUntilUs) come(waiter, sentUs);
      if (waiter.fate === "dies sent") return;
      plan(sentUs + waiter.tellsAfterUs, async (toldUs) => void (await call("sent", toldUs, { who })));
    });
  };
  for (const each of plans) come(each, each.comesUs);
  for (const { atUs, forUs } of pauses)
    plan(atUs, async (nowUs) => void (await call("back-off", nowUs, { who: "slower", number: forUs })));

  let nowUs = 0;
  while (agenda.length > 0) {
    agenda.sort((a, b) => a.atUs - b.atUs);
    const next = agenda.shift();
    if (!next) break;
    nowUs = Math.max(nowUs, next.atUs);
    if (nowUs > 600_000_000) {
      history.stranded++;
      continue;
    }
    await next.run(nowUs);
  }
  await redis.del(...limiterKeys(name));
  return history;
}

/** The most of these moments in one period, however it is aligned. */
function mostWithin(moments: readonly number[], periodUs: number): number {
  const sorted = moments.toSorted((a, b) => a - b);
  return Math.max(
    0,
    ...sorted.map((from, index) => sorted.slice(index).filter((at) => at - from < periodUs).length),
  );
}

const pause: fc.Arbitrary<Pause> = fc.record({
  atUs: fc.integer({ min: 0, max: 8_000_000 }),
  forUs: fc.integer({ min: 1, max: 4_000_000 }),
});

const run = (check: (history: History, world: Required<Omit<World, "againUntilUs">>) => void) =>
  fc.assert(
    fc.asyncProperty(
      fc.record({
        windows: someWindows,
        plans: fc.array(plan, { minLength: 1, maxLength: 14 }),
        pauses: fc.array(pause, { maxLength: 2 }),
      }),
      async (world) => check(await simulate(world), world),
    ),
    { numRuns: 150 },
  );

describe("the limiter", () => {
  it("never lets more requests go out in any period than each window allows", async () => {
    await run(({ sentAt }, { windows }) => {
      for (const { limit, periodMs } of windows)
        expect(mostWithin(sentAt, periodMs * 1000)).toBeLessThanOrEqual(limit);
    });
  });

  it("gives everyone who goes on waiting a turn", async () => {
    await run(({ sentAt, stranded }, { plans }) => {
      expect(stranded).toBe(0);
      const patient = plans.filter(({ fate }) => fate === "sends" || fate === "gives back").length;
      expect(sentAt.length).toBeGreaterThanOrEqual(patient);
    });
  });

  it("grants nothing while it is told to back off", async () => {
    await run(({ grants }, { pauses }) => {
      for (const { atUs } of grants) {
        for (const each of pauses) expect(atUs > each.atUs && atUs < each.atUs + each.forUs).toBe(false);
      }
    });
  });

  it("serves in the order of coming within a rank, and lower ranks first", async () => {
    const one = fc.record({
      comesUs: fc.integer({ min: 0, max: 900_000 }),
      rank: fc.constantFrom(-1_000, -999, 0, 1),
    });
    const punctual = { lateUs: 0, sendsAfterUs: 1_000, tellsAfterUs: 500, fate: "sends" as const };
    await fc.assert(
      fc.asyncProperty(fc.array(one, { minLength: 2, maxLength: 12 }), async (coming) => {
        const plans = coming.map((each) => ({ ...each, ...punctual }));
        const { grants } = await simulate({ windows: EVERY_SECOND, plans });
        // All came within the first second, which a Redis that knows nothing lets pass: the tickets hold the rank.
        const tickets = grants.map(({ ticket }) => ticket);
        expect(tickets).toEqual(tickets.toSorted((a, b) => a - b));
        expect(new Set(tickets).size).toBe(tickets.length);
        expect(grants.map(({ rank }) => rank)).toEqual(
          plans.map(({ rank }) => rank).toSorted((a, b) => a - b),
        );
      }),
      { numRuns: 60 },
    );
  });

  it("lets nobody pass a waiter who is only late, unless there is room for both", async () => {
    const late: Plan = {
      comesUs: 0,
      rank: 0,
      lateUs: 250_000,
      sendsAfterUs: 1_000,
      tellsAfterUs: 0,
      fate: "sends",
    };
    const { grants } = await simulate({
      windows: EVERY_SECOND,
      plans: [late, { ...late, lateUs: 0 }, { ...late, lateUs: 0 }],
    });
    const tickets = grants.map(({ ticket }) => ticket);
    expect(tickets).toEqual(tickets.toSorted((a, b) => a - b));
  });

  it("gives a steady stream 97 % of the tightest window, evenly", async () => {
    const window = fc.record({
      limit: fc.integer({ min: 1, max: 20 }),
      periodMs: fc.integer({ min: 1_000, max: 5_000 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(window, { minLength: 1, maxLength: 2 }), async (windows) => {
        const asker: Plan = {
          comesUs: 0,
          rank: 0,
          lateUs: 2_000,
          sendsAfterUs: 5_000,
          tellsAfterUs: 1_000,
          fate: "sends",
        };
        const plans = Array.from({ length: 8 }, (_, index) => ({ ...asker, comesUs: index * 700 }));
        const { sentAt } = await simulate({ windows, plans, againUntilUs: 20_000_000 });
        const [from = 0, to = 0] = [sentAt[0], sentAt.at(-1)];
        const rate = (sentAt.length - 1) / ((to - from) / 1e6);
        const tightest = Math.min(...windows.map(({ limit, periodMs }) => limit / (periodMs / 1000)));
        expect(rate / tightest).toBeGreaterThan(0.97);
        // Evenly: nowhere more than the pace, and the quarter of a second that may be made up for.
        const spacingUs = 1e6 / tightest;
        for (const count of [5, 10]) {
          const allowed = count + Math.ceil(260_000 / spacingUs) + 1;
          expect(mostWithin(sentAt, count * spacingUs)).toBeLessThanOrEqual(allowed);
        }
      }),
      { numRuns: 12 },
    );
  });

  it("slows down after a refusal, and is at full speed again 20 seconds later", async () => {
    const asker: Plan = {
      comesUs: 0,
      rank: 0,
      lateUs: 1_000,
      sendsAfterUs: 1_000,
      tellsAfterUs: 0,
      fate: "sends",
    };
    const { sentAt } = await simulate({
      windows: [{ limit: 10, periodMs: 1_000 }],
      plans: Array.from({ length: 5 }, () => asker),
      pauses: [{ atUs: 5_000_000, forUs: 1_000_000 }],
      againUntilUs: 40_000_000,
    });
    const between = (from: number, to: number) =>
      sentAt.filter((at) => at >= from * 1e6 && at < to * 1e6).length / (to - from);
    expect(between(1, 5)).toBeGreaterThan(9.5);
    expect(between(5.1, 6)).toBe(0);
    expect(between(6, 8)).toBeLessThan(8.7);
    expect(between(6, 8)).toBeGreaterThan(7);
    expect(between(27, 40)).toBeGreaterThan(9.5);
  });

  it("loses no more than a lease and an interval to one that dies with its turn", async () => {
    const dying: Plan = {
      comesUs: 0,
      rank: 0,
      lateUs: 0,
      sendsAfterUs: 0,
      tellsAfterUs: 0,
      fate: "dies granted",
    };
    const { grants } = await simulate({ windows: EVERY_SECOND, plans: [dying, { ...dying, fate: "sends" }] });
    expect((grants[1]?.atUs ?? 0) - (grants[0]?.atUs ?? 0)).toBeLessThanOrEqual(
      (LEASE_MS + 1_000 + 5) * 1000,
    );
  });

  it("loses the place of one that dies with its turn, and no other", async () => {
    const dying: Plan = {
      comesUs: 0,
      rank: 0,
      lateUs: 0,
      sendsAfterUs: 0,
      tellsAfterUs: 0,
      fate: "dies granted",
    };
    const { sentAt } = await simulate({
      windows: [{ limit: 10, periodMs: 1_000 }],
      plans: [dying, ...Array.from({ length: 9 }, () => ({ ...dying, fate: "sends" as const }))],
    });
    expect((sentAt.at(-1) ?? 0) - (sentAt[0] ?? 0)).toBeLessThan(1_000_000);
  });

  it("loses little time to one that dies at the head of the queue", async () => {
    const patient: Plan = {
      comesUs: 0,
      rank: 0,
      lateUs: 0,
      sendsAfterUs: 1_000,
      tellsAfterUs: 0,
      fate: "sends",
    };
    const { sentAt } = await simulate({
      windows: EVERY_SECOND,
      plans: [patient, { ...patient, fate: "dies waiting" }, patient],
    });
    expect((sentAt[1] ?? 0) - (sentAt[0] ?? 0)).toBeLessThanOrEqual(
      (1_000 + GRACE_MS + RECHECK_MS + 10) * 1000,
    );
  });
});
