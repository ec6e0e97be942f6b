import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createWorld, type World } from "./support/world.ts";

// Needs the engine's database.
const local = test.skipIf(Boolean(process.env.INNGEST_BASE_URL));

let world: World;
beforeAll(async () => {
  world = await createWorld((client, name) => [
    client.createFunction(
      { id: "spaced", throttle: { limit: 10, period: "1s" }, triggers: [{ event: name("spaced") }] },
      async ({ step }) => await step.run("note", () => Date.now()),
    ),
    client.createFunction(
      { id: "rare", throttle: { limit: 1, period: "1s" }, triggers: [{ event: name("rare") }] },
      async ({ step }) => await step.run("note", () => Date.now()),
    ),
  ]);
});
afterAll(() => world?.close());

local(
  "throttled runs that could not be recorded for a while do not start all at once afterwards",
  async () => {
    const { ids } = await world.client.send(
      Array.from({ length: 60 }, () => ({ name: world.name("spaced"), data: {} })),
    );
    await world.ended(ids[0] ?? "");
    await holdUpWriter(2_500);
    const starts = await startsOf(ids);
    const within = (from: number): number => starts.filter((at) => at >= from && at < from + 1_000).length;
    // 10 a second; what was under way when the writer was held up comes on top of that.
    expect(Math.max(...starts.map(within))).toBeLessThanOrEqual(15);
  },
);

local("a throttled run that was held up is not followed at once by the next", async () => {
  // Both are loaded and wait for the throttle when the writer is held up.
  await world.ended(await world.send("rare"));
  const { ids } = await world.client.send([1, 2].map(() => ({ name: world.name("rare"), data: {} })));
  await holdUpWriter(2_500);
  const [first = 0, second = 0] = await startsOf(ids);
  expect(second - first).toBeGreaterThan(800);
});

/** Every start is recorded with its throttle's state: this holds the writer up, as a slow disk or a restart does. */
async function holdUpWriter(ms: number): Promise<void> {
  const database = new Client({ connectionString: world.databaseUrl ?? "" });
  await database.connect();
  await database.query("begin; lock table inngest_engine.gate in access exclusive mode");
  await sleep(ms);
  await database.query("commit");
  await database.end();
}

/** When the runs of these events noted that they had started, in order of time. */
async function startsOf(ids: string[]): Promise<number[]> {
  const runs = await Promise.all(ids.map((id) => world.ended(id, 1, 30_000)));
  return runs
    .flat()
    .map((run) => Number(run.output))
    .sort((a, b) => a - b);
}
