import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createWorld, until, type World } from "./support/world.ts";

// A real server counts a call to an app that is down as an attempt.
const local = test.skipIf(Boolean(process.env.INNGEST_BASE_URL));

const PERIOD_MS = 1_000;

let world: World;
const calledAt: number[] = [];
beforeAll(async () => {
  world = await createWorld((client, name) => [
    client.createFunction(
      { id: "spaced", throttle: { limit: 1, period: "1s" }, triggers: [{ event: name("spaced") }] },
      () => {
        calledAt.push(Date.now());
      },
    ),
  ]);
});
afterAll(() => world?.close());

local("throttled starts that met an app that was down do not come as a burst when it is back", async () => {
  // The first call of all takes longer than others.
  await world.ended(await world.send("spaced"));
  calledAt.length = 0;
  await world.stopApp();
  const events = Array.from({ length: 5 }, () => ({ name: world.name("spaced"), data: {} }));
  const { ids } = await world.client.send(events);
  const misses = () => world.engine?.log().split("the app was not reached").length ?? 0;
  await until(
    () => (misses() > 6 ? true : null),
    15_000,
    () => "calls to the app that is down",
  );
  // A kill does not make repeated starts free either.
  await world.restartEngine("SIGKILL");
  await sleep(PERIOD_MS);
  await world.startApp();
  await Promise.all(ids.map((id) => world.ended(id)));
  expect(calledAt.length).toBe(5);
  const gaps = calledAt.slice(1).map((at, index) => at - (calledAt[index] ?? 0));
  // On a busy machine a call may take longer to arrive than the next.
  expect(gaps.filter((gapMs) => gapMs < PERIOD_MS / 2)).toEqual([]);
});
