import { afterAll, beforeAll, expect, test } from "vitest";
import { createWorld, until, type World } from "./support/world.ts";

let world: World;
const ticks: { at: number; name: string; data: unknown }[] = [];

beforeAll(async () => {
  world = await createWorld((client) => [
    client.createFunction(
      // The sixth field, seconds, keeps the test short; a server without it is given a minute.
      {
        id: "tick",
        triggers: [
          { cron: process.env.INNGEST_BASE_URL ? "* * * * *" : "TZ=Europe/Bucharest */2 * * * * *" },
        ],
      },
      async ({ event, step }) => {
        await step.run("note", () => ticks.push({ at: Date.now(), name: event.name, data: event.data }));
      },
    ),
  ]);
});
afterAll(() => world?.close());

test("a cron trigger starts its function at each tick, once", { timeout: 150_000 }, async () => {
  const wanted = process.env.INNGEST_BASE_URL ? 1 : 2;
  await until(
    () => (ticks.length >= wanted ? true : null),
    130_000,
    () => `${wanted} ticks`,
  );
  expect(ticks[0]).toMatchObject({ name: "inngest/scheduled.timer", data: { cron: expect.any(String) } });
  if (ticks[1]) expect(ticks[1].at - (ticks[0]?.at ?? 0)).toBeGreaterThan(1_000);
});
