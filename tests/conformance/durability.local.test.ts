import { Client } from "pg";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { startEngineProcess } from "./support/engine-process.ts";
import { createWorld, until, type World } from "./support/world.ts";

// Only the local engine can be killed here; a real server is not ours to kill.
const local = test.skipIf(Boolean(process.env.INNGEST_BASE_URL));

let world: World;
/** How often each step of each run was executed. */
const executed: Record<string, number> = {};
const memoized: Record<string, number> = {};
const changed: string[] = [];
let holdMs = 0;

const run = async (key: string, ms: number): Promise<number> => {
  executed[key] = (executed[key] ?? 0) + 1;
  await new Promise((resolve) => setTimeout(resolve, ms));
  return executed[key];
};

beforeAll(async () => {
  world = await createWorld((client, name) => {
    const child = client.createFunction(
      { id: "child", triggers: [{ event: name("child") }] },
      async ({ event, step }) => {
        return await step.run("work", () => run(`child-${event.data.n}`, 20));
      },
    );
    return [
      child,
      client.createFunction(
        { id: "chain", triggers: [{ event: name("chain") }] },
        async ({ event, step }) => {
          const seen: number[] = [];
          for (const id of ["a", "b", "c"]) {
            const result = await step.run(id, () => {
              // A step starts only when those before it are recorded: from here on their results must stand.
              for (const [i, value] of seen.entries()) {
                const key = `${event.data.n}-${i}`;
                memoized[key] ??= value;
                if (memoized[key] !== value) changed.push(key);
              }
              return run(`${event.data.n}-${id}`, 5);
            });
            seen.push(result);
          }
          return seen.length;
        },
      ),
      client.createFunction(
        { id: "family", triggers: [{ event: name("family") }] },
        async ({ event, step }) => {
          const results = await Promise.all(
            [0, 1].map((i) =>
              step.invoke(`call-${i}`, { function: child, data: { n: `${event.data.n}.${i}` } }),
            ),
          );
          await step.sleep("nap", "1s");
          return results.length;
        },
      ),
      client.createFunction(
        { id: "held", retries: 0, triggers: [{ event: name("held") }] },
        async ({ step, attempt }) => {
          await step.run("before", () => run("held-before", 0));
          await step.run("hold", () => run("held", holdMs));
          return { attempt };
        },
      ),
      client.createFunction(
        {
          id: "spaced",
          throttle: { limit: 1, period: "2s" },
          retries: 0,
          triggers: [{ event: name("spaced") }],
        },
        async ({ step }) => await step.run("note", () => Date.now()),
      ),
    ];
  });
});
afterEach(() => expect(changed).toEqual([]));
afterAll(() => world?.close());

local("kill -9 just after events were accepted loses none of them", { timeout: 90_000 }, async () => {
  const events = Array.from({ length: 200 }, (_, n) => ({ name: world.name("chain"), data: { n: `k${n}` } }));
  const { ids } = await world.client.send(events);
  await world.restartEngine("SIGKILL");
  await Promise.all(ids.map((id) => world.ended(id, 1, 60_000)));
  for (const id of ids) expect(await world.ended(id)).toMatchObject([{ status: "Completed", output: 3 }]);
});

local(
  "kill -9 three times in mid-work: every run ends once, no memoized step changes, parents get their children",
  { timeout: 90_000 },
  async () => {
    const chains = Array.from({ length: 150 }, (_, n) => ({
      name: world.name("chain"),
      data: { n: `m${n}` },
    }));
    const families = Array.from({ length: 30 }, (_, n) => ({ name: world.name("family"), data: { n } }));
    const { ids } = await world.client.send([...chains, ...families]);
    for (let round = 0; round < 3; round++) {
      await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 250));
      await world.restartEngine("SIGKILL");
    }
    const runs = await Promise.all(ids.map((id) => world.ended(id, 1, 60_000)));
    expect(runs.flat().filter((ended) => ended.status !== "Completed")).toEqual([]);
    expect(runs.map((list) => list.length)).toEqual(ids.map(() => 1));
  },
);

local("an engine killed while a step runs asks for the step again, as the same attempt", async () => {
  holdMs = 700;
  const id = await world.send("held");
  await until(
    () => (executed.held === 1 ? true : null),
    5_000,
    () => "the step to run",
  );
  await world.restartEngine("SIGKILL");
  expect(await world.ended(id)).toMatchObject([{ status: "Completed", output: { attempt: 0 } }]);
  expect(executed["held-before"]).toBe(1);
  expect(executed.held).toBe(2);
});

local("an app that is down for a while costs no attempts", async () => {
  holdMs = 0;
  await world.stopApp();
  const id = await world.send("held");
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  await world.startApp();
  expect(await world.ended(id)).toMatchObject([{ status: "Completed", output: { attempt: 0 } }]);
});

local("an app that goes away in the middle of a step is asked again soon", async () => {
  holdMs = 5_000;
  const before = executed.held ?? 0;
  const id = await world.send("held");
  await until(
    () => (executed.held === before + 1 ? true : null),
    5_000,
    () => "the step to run",
  );
  await world.stopApp();
  holdMs = 0;
  await world.startApp();
  expect(await world.ended(id)).toMatchObject([{ status: "Completed", output: { attempt: 0 } }]);
});

local("lost database connections are made again and nothing is lost", async () => {
  const events = Array.from({ length: 100 }, (_, n) => ({ name: world.name("chain"), data: { n: `p${n}` } }));
  const admin = new Client({ connectionString: world.databaseUrl ?? "" });
  await admin.connect();
  const { ids } = await world.client.send(events);
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setTimeout(resolve, 60));
    await admin.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'inngest-engine' and datname = current_database()",
    );
  }
  await admin.end();
  const runs = await Promise.all(ids.map((id) => world.ended(id, 1, 30_000)));
  expect(runs.flat().filter((ended) => ended.status !== "Completed")).toEqual([]);
  expect(runs.flat().length).toBe(100);
});

local("a throttle is remembered across kill -9", async () => {
  const { ids } = await world.client.send([1, 2].map(() => ({ name: world.name("spaced"), data: {} })));
  await Promise.race(ids.map((id) => world.ended(id)));
  await world.restartEngine("SIGKILL");
  const runs = (await Promise.all(ids.map((id) => world.ended(id)))).flat();
  const [first = 0, second = 0] = runs.map((ended) => Number(ended.output)).sort((a, b) => a - b);
  expect(second - first).toBeGreaterThan(1_900);
});

local("a second engine on the same database says so and ends with 1", { timeout: 40_000 }, async () => {
  await expect(
    startEngineProcess(world.databaseUrl ?? "", { env: { ENGINE_LOCK_WAIT_MS: "1000" } }),
  ).rejects.toThrow(/ended with 1: .*Another engine is already running/s);
});

local(
  "SIGTERM ends the engine within 5 s with exit code 0, and its work goes on after the next start",
  async () => {
    const events = Array.from({ length: 50 }, (_, n) => ({
      name: world.name("chain"),
      data: { n: `t${n}` },
    }));
    const { ids } = await world.client.send(events);
    const startedAt = Date.now();
    const stopped = world.engine?.exited;
    await world.restartEngine("SIGTERM");
    expect(await stopped).toBe(0);
    expect(Date.now() - startedAt).toBeLessThan(7_000);
    const runs = await Promise.all(ids.map((id) => world.ended(id, 1, 30_000)));
    expect(runs.flat().filter((ended) => ended.status !== "Completed")).toEqual([]);
  },
);
