import { afterAll, beforeAll, expect, test } from "vitest";
import { createWorld, until, type World } from "./support/world.ts";

// A real server is not ours to kill.
const local = test.skipIf(Boolean(process.env.INNGEST_BASE_URL));

const PERIOD_MS = 1_000;
const RUNS = 3;

let world: World;
let calledAt: number[] = [];
let answered = Promise.withResolvers<void>();

const throttle = { limit: 1, period: "1s" } as const;

beforeAll(async () => {
  world = await createWorld((client, name) => [
    client.createFunction({ id: "silent", throttle, triggers: [{ event: name("silent") }] }, async () => {
      calledAt.push(Date.now());
      await answered.promise;
    }),
    client.createFunction(
      { id: "begun", throttle, triggers: [{ event: name("begun") }] },
      async ({ step }) => {
        await step.run("begin", () => "begun");
        calledAt.push(Date.now());
        await answered.promise;
      },
    ),
  ]);
});
afterAll(() => world?.close());

/** Has as many runs called, none of them answered, kills the engine, and says when they were called again. */
async function callsAfterKill(event: string): Promise<number[]> {
  answered = Promise.withResolvers();
  calledAt = [];
  const allCalled = () =>
    until(
      () => (calledAt.length >= RUNS ? true : null),
      20_000,
      () => `${RUNS} calls, of which ${calledAt.length} came`,
    );
  const events = Array.from({ length: RUNS }, () => ({ name: world.name(event), data: {} }));
  const { ids } = await world.client.send(events);
  await allCalled();
  calledAt = [];
  await world.restartEngine("SIGKILL");
  await allCalled();
  const again = calledAt.slice(0, RUNS);
  answered.resolve();
  const runs = await Promise.all(ids.map((id) => world.ended(id)));
  expect(runs.flat().map(({ status }) => status)).toEqual(ids.map(() => "Completed"));
  return again;
}

local(
  "throttled starts that were not answered when the engine was killed are not repeated at once",
  async () => {
    const again = await callsAfterKill("silent");
    const gaps = again.slice(1).map((at, index) => at - (again[index] ?? 0));
    // On a busy machine a call may take longer to arrive than the next.
    expect(gaps.filter((gapMs) => gapMs < PERIOD_MS / 2)).toEqual([]);
  },
);

local("a throttled run that has a step goes on after a kill without taking its turn again", async () => {
  const again = await callsAfterKill("begun");
  expect(Math.max(...again) - Math.min(...again)).toBeLessThan(PERIOD_MS);
});
