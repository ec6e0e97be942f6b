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
  ]);
});
afterAll(() => world?.close());

local(
  "throttled runs that could not be recorded for a while do not start all at once afterwards",
  async () => {
    const database = new Client({ connectionString: world.databaseUrl ?? "" });
    await database.connect();
    const events = Array.from({ length: 60 }, () => ({ name: world.name("spaced"), data: {} }));
    const { ids } = await world.client.send(events);
    await world.ended(ids[0] ?? "");
    // Every start is recorded with its throttle's state: this holds the writer up, as a slow disk or a restart does.
    await database.query("begin; lock table inngest_engine.gate in access exclusive mode");
    await sleep(2_500);
    await database.query("commit");
    await database.end();
    const runs = (await Promise.all(ids.map((id) => world.ended(id, 1, 30_000)))).flat();
    const starts = runs.map((run) => Number(run.output)).sort((a, b) => a - b);
    const within = (from: number): number => starts.filter((at) => at >= from && at < from + 1_000).length;
    // 10 a second; what was under way when the writer was held up comes on top of that.
    expect(Math.max(...starts.map(within))).toBeLessThanOrEqual(15);
  },
);
