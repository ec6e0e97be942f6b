/**
 * The limiter's protocol against the rules it promises, on a real Redis but on a clock of the test's own: whatever
 * waiters do, and whoever dies, no two requests go out too close together, first come is first served, and it never
 * stands still.
 */
import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { callLimiter, type LimiterVerb } from "#src/platform/limiter.ts";
import { createRedis, type Redis } from "#src/platform/redis.ts";

const SPACING_US = 1_000_000;
const LEASE_US = 2_000_000;
const GRACE_US = 300_000;
const settings = { spacingUs: SPACING_US, leaseUs: LEASE_US, graceUs: GRACE_US };

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
  lateUs: number;
  /** From the grant to the request on the wire; the waiter tells right then, or a little later. */
  sendsAfterUs: number;
  tellsAfterUs: number;
  fate: "sends" | "dies waiting" | "dies granted" | "dies sent" | "gives back" | "leaves";
}

const plan: fc.Arbitrary<Plan> = fc.record({
  comesUs: fc.integer({ min: 0, max: 6_000_000 }),
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

interface Waiter extends Plan {
  id: string;
  ticket: number;
  gaveBack: boolean;
  polls: number;
}

/** What happened, in order. */
interface History {
  sentAt: number[];
  grants: { ticket: number; atUs: number }[];
  /** Waiters that should have got their turn and did not by the end. */
  stranded: number;
}

async function simulate(plans: Plan[], backOffs: { atUs: number; forUs: number }[]): Promise<History> {
  const name = `property:${randomUUID()}`;
  const epochUs = 1_800_000_000_000_000;
  const call = (verb: LimiterVerb, argument: string | number, nowUs: number, ticket = 0) =>
    callLimiter(redis, { name, settings, verb, argument, ticket, nowUs: epochUs + nowUs });

  const history: History = { sentAt: [], grants: [], stranded: 0 };
  const agenda: { atUs: number; run: (nowUs: number) => Promise<void> }[] = [];
  const plan = (atUs: number, run: (nowUs: number) => Promise<void>) => agenda.push({ atUs, run });
  const waiters = plans.map(
    (each): Waiter => ({ ...each, id: randomUUID(), ticket: 0, gaveBack: false, polls: 0 }),
  );

  const poll = (waiter: Waiter) => async (nowUs: number) => {
    waiter.polls++;
    const turn = await call("take", waiter.id, nowUs, waiter.ticket);
    waiter.ticket = turn.ticket;
    if (!turn.granted) {
      if (waiter.fate === "dies waiting" && waiter.polls > 1) return;
      if (waiter.fate === "leaves" && waiter.polls > 1) return void (await call("leave", waiter.id, nowUs));
      plan(nowUs + Math.max(1, turn.askAgainMs * 1000) + waiter.lateUs, poll(waiter));
      return;
    }
    history.grants.push({ ticket: turn.ticket, atUs: nowUs });
    if (waiter.fate === "dies granted") return;
    if (waiter.fate === "gives back" && !waiter.gaveBack) {
      waiter.gaveBack = true;
      await call("leave", waiter.id, nowUs + 1);
      plan(nowUs + 2, poll(waiter));
      return;
    }
    plan(nowUs + waiter.sendsAfterUs, async (sentUs) => {
      history.sentAt.push(sentUs);
      if (waiter.fate === "dies sent") return;
      plan(sentUs + waiter.tellsAfterUs, async (toldUs) => void (await call("sent", waiter.id, toldUs)));
    });
  };
  for (const waiter of waiters) plan(waiter.comesUs, poll(waiter));
  for (const { atUs, forUs } of backOffs)
    plan(atUs, async (nowUs) => void (await call("back-off", forUs, nowUs)));

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
  await redis.del(...["state", "queue", "due"].map((part) => `{cerniq:limit:${name}}:${part}`));
  return history;
}

const backOff = fc.record({
  atUs: fc.integer({ min: 0, max: 8_000_000 }),
  forUs: fc.integer({ min: 1, max: 4_000_000 }),
});

const run = (check: (history: History, plans: Plan[], pauses: { atUs: number; forUs: number }[]) => void) =>
  fc.assert(
    fc.asyncProperty(
      fc.array(plan, { minLength: 1, maxLength: 10 }),
      fc.array(backOff, { maxLength: 2 }),
      async (plans, pauses) => check(await simulate(plans, pauses), plans, pauses),
    ),
    { numRuns: 150 },
  );

describe("the limiter", () => {
  it("never lets two requests go out closer together than the interval", async () => {
    await run(({ sentAt }) => {
      const sorted = sentAt.toSorted((a, b) => a - b);
      for (const [index, at] of sorted.entries()) {
        if (index > 0) expect(at - (sorted[index - 1] ?? 0)).toBeGreaterThanOrEqual(SPACING_US);
      }
    });
  });

  it("gives everyone who goes on waiting a turn", async () => {
    await run(({ sentAt, stranded }, plans) => {
      expect(stranded).toBe(0);
      const patient = plans.filter(({ fate }) => fate === "sends" || fate === "gives back").length;
      expect(sentAt.length).toBeGreaterThanOrEqual(patient);
    });
  });

  it("serves in the order of coming", async () => {
    await run(({ grants }) => {
      const tickets = grants.map(({ ticket }) => ticket);
      expect(tickets).toEqual(tickets.toSorted((a, b) => a - b));
    });
  });

  it("grants nothing while it is told to back off", async () => {
    await run(({ grants }, _, pauses) => {
      for (const { atUs } of grants) {
        for (const pause of pauses) expect(atUs > pause.atUs && atUs < pause.atUs + pause.forUs).toBe(false);
      }
    });
  });

  it("loses no more than a lease and an interval to one that dies with its turn", async () => {
    const dying: Plan = { comesUs: 0, lateUs: 0, sendsAfterUs: 0, tellsAfterUs: 0, fate: "dies granted" };
    const { grants } = await simulate([dying, { ...dying, fate: "sends" }], []);
    expect((grants[1]?.atUs ?? 0) - (grants[0]?.atUs ?? 0)).toBeLessThanOrEqual(
      LEASE_US + SPACING_US + 5_000,
    );
  });

  it("loses about an interval to one that dies at the head of the queue", async () => {
    const patient: Plan = { comesUs: 0, lateUs: 0, sendsAfterUs: 1_000, tellsAfterUs: 0, fate: "sends" };
    const { sentAt } = await simulate([patient, { ...patient, fate: "dies waiting" }, patient], []);
    expect((sentAt[1] ?? 0) - (sentAt[0] ?? 0)).toBeLessThanOrEqual(2 * SPACING_US + GRACE_US + 10_000);
  });
});
