import { afterAll, beforeAll, expect, test } from "vitest";
import { createWorld, until, type World } from "./support/world.ts";

let world: World;
interface Seen {
  at: number;
  data: Record<string, unknown>;
  events: Record<string, unknown>[];
  first: unknown;
}
const seen: Record<string, Seen[]> = {};

beforeAll(async () => {
  world = await createWorld((client, name) => {
    const fn = (id: string, options: object, sleep?: string) =>
      client.createFunction(
        { id, ...options, triggers: [{ event: name(id) }] },
        async ({ event, events, step }) => {
          // Once per run, also when the function is called again.
          if (sleep) await step.run("note", () => note(id, event, events));
          else note(id, event, events);
          if (sleep) await step.sleep("nap", sleep);
          return events?.length ?? 0;
        },
      );
    return [
      fn("limited", { rateLimit: { limit: 1, period: "60s", key: "event.data.k" } }),
      fn("spaced", { rateLimit: { limit: 20, period: "40s" } }),
      fn("once", { idempotency: "event.data.id" }),
      fn("debounced", { debounce: { period: "1s", key: "event.data.k" } }),
      fn("hurried", { debounce: { period: "2s", timeout: "3s" } }),
      fn("batched", { batchEvents: { maxSize: 3, timeout: "2s", key: "event.data.k" } }),
      fn("picky", { batchEvents: { maxSize: 10, timeout: "2s", if: "event.data.free == true" } }),
      fn("single", { singleton: { key: "event.data.k", mode: "skip" } }, "2s"),
      fn("newest", { singleton: { key: "event.data.k", mode: "cancel" } }, "3s"),
    ];
  });
});
afterAll(() => world?.close());

function note(id: string, event: { data: unknown }, events: { data: unknown }[] | undefined): void {
  seen[id] ??= [];
  seen[id].push({
    at: Date.now(),
    data: event.data as Record<string, unknown>,
    events: (events ?? []).map(({ data }) => data as Record<string, unknown>),
    first: events?.[0],
  });
}

const of = (id: string, k: unknown): Seen[] => (seen[id] ?? []).filter(({ data }) => data.k === k);

/** Waits until the function has run for this key; what was sent before it has then been decided on. */
const ran = (id: string, k: unknown, count = 1, timeoutMs = 15_000) =>
  until(
    () => (of(id, k).length >= count ? of(id, k) : null),
    timeoutMs,
    () => `${count} runs of ${id} for ${k}`,
  );

test("rateLimit drops what is over the limit of its key, and only that", async () => {
  for (let i = 0; i < 4; i++) await world.send("limited", { k: "a", i });
  await world.send("limited", { k: "b" });
  await ran("limited", "b");
  await ran("limited", "a");
  expect(of("limited", "a").length).toBe(1);
});

test("rateLimit lets a next event through when its share of the period has passed", async () => {
  await world.send("spaced", { k: "first" });
  await ran("spaced", "first");
  await new Promise((resolve) => setTimeout(resolve, 2_200));
  await world.send("spaced", { k: "second" });
  await ran("spaced", "second");
});

test("idempotency starts one run for each value, whatever the event ids", async () => {
  for (const [i, id] of ["x", "x", "y", "x"].entries())
    await world.send("once", { id, k: i }, { id: `own-${i}` });
  await world.send("once", { id: "z", k: "last" });
  await ran("once", "last");
  await until(
    () => ((seen.once ?? []).length >= 3 ? true : null),
    5_000,
    () => "the runs for x and y",
  );
  expect((seen.once ?? []).map(({ data }) => data.id).sort()).toEqual(["x", "y", "z"]);
});

test("debounce runs once, with the last event, after the period; keys are apart", async () => {
  for (let i = 0; i < 3; i++) await world.send("debounced", { k: "a", i });
  const sentAt = Date.now();
  await world.send("debounced", { k: "b", i: 9 });
  const [run] = await ran("debounced", "a");
  await ran("debounced", "b");
  expect(run?.data.i).toBe(2);
  expect((run?.at ?? 0) - sentAt).toBeGreaterThan(800);
  expect(of("debounced", "a").length).toBe(1);
});

test("debounce with a timeout does not wait for ever while events keep coming", async () => {
  const startedAt = Date.now();
  while ((seen.hurried ?? []).length === 0 && Date.now() - startedAt < 15_000) {
    await world.send("hurried", { i: Date.now() });
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
  expect((seen.hurried?.[0]?.at ?? Number.POSITIVE_INFINITY) - startedAt).toBeLessThan(8_000);
});

test("batchEvents makes one run of maxSize events, and another of the rest after the timeout", async () => {
  const sentAt = Date.now();
  await world.client.send([0, 1, 2, 3].map((i) => ({ name: world.name("batched"), data: { k: "a", i } })));
  const [full, rest] = await ran("batched", "a", 2);
  expect(full?.events.length).toBe(3);
  expect(rest?.events.length).toBe(1);
  expect((rest?.at ?? 0) - sentAt).toBeGreaterThan(1_500);
  expect([...(full?.events ?? []), ...(rest?.events ?? [])].map(({ i }) => i).sort()).toEqual([0, 1, 2, 3]);
  expect(full?.first).toMatchObject({ data: full?.data });
});

test("batchEvents keeps keys apart", async () => {
  await world.client.send(["b", "c", "b"].map((k) => ({ name: world.name("batched"), data: { k } })));
  const [b] = await ran("batched", "b");
  const [c] = await ran("batched", "c");
  expect([b?.events.length, c?.events.length]).toEqual([2, 1]);
});

test("batchEvents with an `if` runs events for which it is not true alone and at once", async () => {
  await world.client.send(
    [true, false, true].map((free) => ({ name: world.name("picky"), data: { k: String(free), free } })),
  );
  const [alone] = await ran("picky", "false");
  expect(alone?.events.length).toBe(1);
  const [together] = await ran("picky", "true");
  expect(together?.events.length).toBe(2);
});

test("singleton with skip drops events while a run of the same key goes on", async () => {
  await world.send("single", { k: "a", i: 0 });
  await ran("single", "a");
  await world.send("single", { k: "a", i: 1 });
  const other = await world.send("single", { k: "b" });
  await world.ended(other);
  await until(
    async () => {
      await world.send("single", { k: "a", i: 2 });
      return of("single", "a").length >= 2 ? true : null;
    },
    15_000,
    () => "the key to be free again",
  );
  expect(of("single", "a").map(({ data }) => data.i)).toEqual([0, 2]);
});

test("singleton with cancel ends the run that goes on and starts the newer", async () => {
  const first = await world.send("newest", { k: "a", i: 0 });
  await ran("newest", "a");
  const second = await world.send("newest", { k: "a", i: 1 });
  expect(await world.ended(first)).toMatchObject([{ status: "Cancelled" }]);
  expect(await world.ended(second)).toMatchObject([{ status: "Completed" }]);
  expect(of("newest", "a").map(({ data }) => data.i)).toEqual([0, 1]);
});
