import { afterAll, beforeAll, expect, test } from "vitest";
import { createWorld, until, type World } from "./support/world.ts";

// A real server may keep up with this or not; ours must.
const local = test.skipIf(Boolean(process.env.INNGEST_BASE_URL));

let world: World;
const startedAt: Record<string, number> = {};
const count: Record<string, number> = {};

beforeAll(async () => {
  world = await createWorld((client, name) => {
    const fn = (id: string, options: object) =>
      client.createFunction({ id, ...options, triggers: [{ event: name(id) }] }, async ({ event, step }) => {
        await step.run("note", () => {
          startedAt[`${id} ${event.data.k}`] ??= Date.now();
          count[id] = (count[id] ?? 0) + 1;
        });
      });
    return [
      fn("keyed", { concurrency: { limit: 1, key: "event.data.k" } }),
      fn("throttled", { throttle: { limit: 1, period: "1s", key: "event.data.k" } }),
    ];
  });
});
afterAll(() => world?.close());

local.each(["keyed", "throttled"])(
  "with 10,000 runs of one key of %s waiting, a run of another key starts within 1 s",
  { timeout: 60_000 },
  async (id) => {
    for (let part = 0; part < 10; part++)
      await world.client.send(
        Array.from({ length: 1_000 }, (_, i) => ({ name: world.name(id), data: { k: "flood", i } })),
      );
    await until(
      () => ((count[id] ?? 0) > 0 ? true : null),
      5_000,
      () => "the flood to run",
    );
    const sentAt = Date.now();
    await world.send(id, { k: "calm" });
    const key = `${id} calm`;
    await until(
      () => startedAt[key] ?? null,
      10_000,
      () => "the calm key's run",
    );
    expect((startedAt[key] ?? Number.POSITIVE_INFINITY) - sentAt).toBeLessThan(1_000);
    expect(count[id]).toBeLessThan(10_000);
  },
);
