import { afterAll, beforeAll, expect, test } from "vitest";
import { createWorld, type World } from "./support/world.ts";

let world: World;
const starts: Record<string, number[]> = {};
const order: string[] = [];
const running: Record<string, number> = {};
const most: Record<string, number> = {};

const busy = async (key: string, ms: number): Promise<void> => {
  starts[key] = [...(starts[key] ?? []), Date.now()];
  running[key] = (running[key] ?? 0) + 1;
  most[key] = Math.max(most[key] ?? 0, running[key]);
  await new Promise((resolve) => setTimeout(resolve, ms));
  running[key] -= 1;
};

beforeAll(async () => {
  world = await createWorld((client, name) => [
    client.createFunction(
      { id: "narrow", concurrency: 2, triggers: [{ event: name("narrow") }] },
      async ({ step }) => await step.run("busy", () => busy("narrow", 150)),
    ),
    client.createFunction(
      { id: "keyed", concurrency: { limit: 1, key: "event.data.k" }, triggers: [{ event: name("keyed") }] },
      async ({ event, step }) => await step.run("busy", () => busy(`keyed-${event.data.k}`, 60)),
    ),
    client.createFunction(
      {
        id: "shared-a",
        concurrency: [{ limit: 5 }, { limit: 1, scope: "env", key: '"shared"' }],
        triggers: [{ event: name("shared") }],
      },
      async ({ step }) => await step.run("busy", () => busy("shared", 80)),
    ),
    client.createFunction(
      {
        id: "shared-b",
        concurrency: [{ limit: 1, scope: "env", key: '"shared"' }],
        triggers: [{ event: name("shared") }],
      },
      async ({ step }) => await step.run("busy", () => busy("shared", 80)),
    ),
    client.createFunction(
      {
        id: "throttled",
        throttle: { limit: 1, period: "1s", key: "event.data.k" },
        triggers: [{ event: name("throttled") }],
      },
      async ({ event, step }) => await step.run("busy", () => busy(`throttled-${event.data.k}`, 5)),
    ),
    client.createFunction(
      {
        id: "ranked",
        concurrency: 1,
        priority: { run: "event.data.p" },
        triggers: [{ event: name("ranked") }],
      },
      async ({ event, step }) => {
        order.push(event.data.tag);
        await step.run("busy", () => busy("ranked", 250));
      },
    ),
  ]);
});
afterAll(() => world?.close());

const sendMany = async (suffix: string, data: Record<string, unknown>[]): Promise<void> => {
  const { ids } = await world.client.send(data.map((item) => ({ name: world.name(suffix), data: item })));
  await Promise.all(ids.map((id) => world.ended(id)));
};

test("concurrency bounds how many steps run at once", async () => {
  await sendMany(
    "narrow",
    Array.from({ length: 8 }, () => ({})),
  );
  expect(starts.narrow?.length).toBe(8);
  expect(most.narrow).toBe(2);
});

test("a concurrency key bounds each of its values, and a flooding key does not hold another", async () => {
  const flood = sendMany(
    "keyed",
    Array.from({ length: 40 }, () => ({ k: "a" })),
  );
  const sentAt = Date.now();
  await sendMany("keyed", [{ k: "b" }]);
  expect((starts["keyed-b"]?.[0] ?? Number.NaN) - sentAt).toBeLessThan(1_000);
  await flood;
  expect(most["keyed-a"]).toBe(1);
});

test("a limit of scope env counts two functions together", async () => {
  const { ids } = await world.client.send([1, 2, 3].map(() => ({ name: world.name("shared"), data: {} })));
  await Promise.all(ids.map((id) => world.ended(id, 2)));
  expect(starts.shared?.length).toBe(6);
  expect(most.shared).toBe(1);
});

test("a throttle spaces the starts of each key", async () => {
  const data = ["x", "x", "x", "y"].map((k) => ({ k }));
  await sendMany("throttled", data);
  const times = starts["throttled-x"] ?? [];
  expect(times.length).toBe(3);
  for (const [i, at] of times.slice(1).entries()) expect(at - (times[i] ?? 0)).toBeGreaterThan(900);
  expect(Math.abs((starts["throttled-y"]?.[0] ?? 0) - (times[0] ?? 0))).toBeLessThan(900);
});

test("priority.run lets a run jump ahead of those that wait", async () => {
  await sendMany("ranked", [
    { tag: "first", p: 0 },
    { tag: "low", p: -100 },
    { tag: "middle", p: 0 },
    { tag: "high", p: 100 },
  ]);
  const seen = [...new Set(order)];
  expect(seen.indexOf("high")).toBeLessThan(seen.indexOf("low"));
  expect(seen.indexOf("middle")).toBeLessThan(seen.indexOf("low"));
});
