import { afterAll, beforeAll, expect, test } from "vitest";
import { createWorld, until, type World } from "./support/world.ts";

// Only the local engine can be killed here; a real server is not ours to kill.
const local = test.skipIf(Boolean(process.env.INNGEST_BASE_URL));

let world: World;
const runs: Record<string, { at: number; data: Record<string, unknown>; all: unknown[] }[]> = {};

beforeAll(async () => {
  world = await createWorld((client, name) => {
    const fn = (id: string, options: object, sleep?: string) =>
      client.createFunction(
        { id, retries: 0, ...options, triggers: [{ event: name(id) }] },
        async ({ event, events, step }) => {
          await step.run("note", () => {
            const all = (events ?? []).map((each: { data: { i?: number } }) => each.data.i);
            runs[id] = [...(runs[id] ?? []), { at: Date.now(), data: event.data, all }];
          });
          if (sleep) await step.sleep("nap", sleep);
        },
      );
    return [
      fn("debounced", { debounce: { period: "2s", key: "event.data.k" } }),
      fn("batched", { batchEvents: { maxSize: 7, timeout: "3s", key: "event.data.k" } }),
      fn("limited", { rateLimit: { limit: 1, period: "60s", key: "event.data.k" } }),
      fn("once", { idempotency: "event.data.k" }),
      fn("single", { singleton: { mode: "skip", key: "event.data.k" } }, "60s"),
      fn("stopped", { cancelOn: [{ event: name("stop"), match: "data.k" }] }, "60s"),
      fn("timed", { timeouts: { finish: "4s" } }, "60s"),
      fn("free", {}),
    ];
  });
});
afterAll(() => world?.close());

const ran = (id: string, count = 1) =>
  until(
    () => ((runs[id] ?? []).length >= count ? (runs[id] ?? []) : null),
    20_000,
    () => `${count} runs of ${id}`,
  );

local("what gates hold and remember survives kill -9", { timeout: 90_000 }, async () => {
  // Before the kill: something held or remembered by each gate.
  for (const id of ["limited", "once", "single", "stopped", "timed"]) await world.send(id, { k: "a", i: 0 });
  await Promise.all(["limited", "once", "single", "stopped", "timed"].map((id) => ran(id)));
  for (const i of [0, 1, 2]) {
    await world.send("debounced", { k: "a", i });
    await world.send("batched", { k: "a", i });
  }
  const stops = await world.get("/v1/events?limit=100");
  expect(stops.status).toBe(200);
  await world.restartEngine("SIGKILL");

  for (const id of ["limited", "once", "single"]) await world.send(id, { k: "a", i: 1 });
  for (const i of [3, 4, 5]) await world.send("batched", { k: "a", i });
  await world.send("stop", { k: "a" });
  await ran("debounced");
  // On a busy machine the batch's time may be over before all six have come.
  const batched = () => (runs.batched ?? []).flatMap(({ all }) => all);
  await until(
    () => (batched().length >= 6 ? true : null),
    20_000,
    () => `six batched events, of which ${batched()} came`,
  );
  // Other keys are free, and were decided on after the events above.
  for (const id of ["limited", "once", "single"]) await world.send(id, { k: "b", i: 9 });
  for (const id of ["limited", "once", "single"]) {
    const all = await ran(id, 2);
    expect(all.map(({ data }) => data.i)).toEqual([0, 9]);
  }
  expect(runs.debounced?.map(({ data }) => data.i)).toEqual([2]);
  expect(batched()).toEqual([0, 1, 2, 3, 4, 5]);
  for (const id of ["stopped", "timed"]) {
    await until(
      async () => {
        const { body } = await world.get("/v1/events?limit=100");
        const event = (body as { data: { name: string; internal_id: string }[] }).data.find(
          (each) => each.name === world.name(id),
        );
        const found = await world.get(`/v1/events/${event?.internal_id}/runs`);
        const [run] = (found.body as { data: { status: string }[] }).data;
        return run?.status === "Cancelled" ? true : null;
      },
      20_000,
      () => `the run of ${id} to be cancelled`,
    );
  }
});

local(
  "events taken by gates while the engine is killed again and again are in exactly one batch",
  {
    timeout: 90_000,
  },
  async () => {
    const before = (runs.batched ?? []).length;
    const sent: number[] = [];
    let sending = true;
    const sender = (async () => {
      for (let i = 1_000; sending; i++) {
        const ok = await world.client
          .send({ name: world.name("batched"), id: `own-${i}`, data: { k: `many-${i % 3}`, i } })
          .then(
            () => true,
            () => false,
          );
        // Sent again with the same id until it is accepted, as the outbox does.
        if (ok) sent.push(i);
        else i -= 1;
      }
    })();
    for (let round = 0; round < 4; round++) {
      await new Promise((resolve) => setTimeout(resolve, 700));
      await world.restartEngine("SIGKILL");
    }
    sending = false;
    await sender;
    const seen = (): number[] => (runs.batched ?? []).slice(before).flatMap(({ all }) => all as number[]);
    await until(
      () => (new Set(seen()).size >= sent.length ? true : null),
      30_000,
      () => `all ${sent.length} events to be run, of which ${new Set(seen()).size} were`,
    );
    // A step whose result was not recorded when the engine died runs again, so a batch may be seen twice; but an
    // event is never in two different batches.
    const batches = new Map<number, string>();
    for (const { all } of (runs.batched ?? []).slice(before))
      for (const i of all as number[]) {
        expect(batches.get(i) ?? all.join()).toBe(all.join());
        batches.set(i, all.join());
      }
  },
);
