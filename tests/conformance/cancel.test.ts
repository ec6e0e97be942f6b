import { afterAll, beforeAll, expect, test } from "vitest";
import { createWorld, until, type World } from "./support/world.ts";

let world: World;
const steps: string[] = [];
const told: Record<string, Record<string, unknown>[]> = {};
let holdMs = 0;

beforeAll(async () => {
  world = await createWorld((client, name) => {
    const child = client.createFunction(
      {
        id: "child",
        triggers: [{ event: name("child") }],
        cancelOn: [{ event: name("stop-child"), match: "data.k" }],
      },
      async ({ step }) => await step.sleep("long", "60s"),
    );
    return [
      child,
      client.createFunction(
        {
          id: "sleeper",
          triggers: [{ event: name("sleeper") }],
          cancelOn: [
            { event: name("stop"), if: "async.data.k == event.data.k && async.data.sure == true" },
            { event: name("stop-soon"), match: "data.k", timeout: "2s" },
          ],
        },
        async ({ event, step }) => {
          await step.run("first", () => steps.push(`${event.data.k}-first`));
          await step.sleep("nap", event.data.nap ?? "60s");
          await step.run("second", () => steps.push(`${event.data.k}-second`));
        },
      ),
      client.createFunction(
        {
          id: "busy",
          retries: 0,
          triggers: [{ event: name("busy") }],
          cancelOn: [{ event: name("stop-busy"), match: "data.k" }],
        },
        async ({ event, step }) => {
          await step.run("hold", async () => {
            steps.push(`${event.data.k}-hold`);
            await new Promise((resolve) => setTimeout(resolve, holdMs));
            steps.push(`${event.data.k}-held`);
          });
          await step.run("after", () => steps.push(`${event.data.k}-after`));
        },
      ),
      client.createFunction(
        {
          id: "renewed",
          triggers: [{ event: name("renewed") }],
          cancelOn: [{ event: name("renewed"), match: "data.k" }],
        },
        async ({ event, step }) => await step.sleep("nap", event.data.nap),
      ),
      client.createFunction(
        { id: "parent", triggers: [{ event: name("parent") }] },
        async ({ event, step }) => {
          try {
            await step.invoke("call", { function: child, data: { k: event.data.k } });
          } catch (error) {
            return { caught: (error as Error).message };
          }
          return "no error";
        },
      ),
      client.createFunction(
        {
          id: "queued",
          concurrency: 1,
          timeouts: { start: "2s" },
          triggers: [{ event: name("queued") }],
        },
        async ({ event, step }) => {
          await step.run("hold", async () => {
            steps.push(`${event.data.k}-queued`);
            await new Promise((resolve) => setTimeout(resolve, event.data.ms));
          });
        },
      ),
      client.createFunction(
        { id: "slow", timeouts: { finish: "2s" }, triggers: [{ event: name("slow") }] },
        async ({ event, step }) => await step.sleep("nap", event.data.nap),
      ),
      ...(["cancelled", "finished"] as const).map((what) =>
        client.createFunction(
          {
            id: `on-${what}`,
            // It would hear of itself as well.
            triggers: [
              {
                event: `inngest/function.${what}`,
                if: `event.data.function_id in ["${client.id}-slow", "${client.id}-sleeper"]`,
              },
            ],
          },
          async ({ event }) => {
            told[what] = [...(told[what] ?? []), event.data as Record<string, unknown>];
          },
        ),
      ),
    ];
  });
});
afterAll(() => world?.close());

const done = (step: string, timeoutMs = 10_000) =>
  until(
    () => (steps.includes(step) ? true : null),
    timeoutMs,
    () => `step ${step}`,
  );

test("cancelOn ends a sleeping run, and only the one that the expression names", async () => {
  const mine = await world.send("sleeper", { k: "a" });
  const other = await world.send("sleeper", { k: "b", nap: "3s" });
  await done("a-first");
  await done("b-first");
  await world.send("stop", { k: "a", sure: false });
  await world.send("stop", { k: "a", sure: true });
  const [cancelled] = await world.ended(mine);
  expect(cancelled?.status).toBe("Cancelled");
  expect(await world.ended(other)).toMatchObject([{ status: "Completed" }]);
  expect(steps).not.toContain("a-second");

  const event = await until(
    () => (told.cancelled ?? []).find((data) => data.run_id === cancelled?.run_id) ?? null,
    10_000,
    () => "inngest/function.cancelled",
  );
  expect(event).toMatchObject({
    function_id: expect.stringMatching(/-sleeper$/),
    error: { message: "function cancelled", name: "Error" },
    event: { data: { k: "a" } },
  });
});

test("cancelOn with a timeout holds for that long only", async () => {
  const early = await world.send("sleeper", { k: "c" });
  const late = await world.send("sleeper", { k: "d", nap: "5s" });
  await done("c-first");
  await done("d-first");
  await world.send("stop-soon", { k: "c" });
  expect(await world.ended(early)).toMatchObject([{ status: "Cancelled" }]);
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  await world.send("stop-soon", { k: "d" });
  expect(await world.ended(late)).toMatchObject([{ status: "Completed" }]);
});

test("a step that is running may end, and nothing runs after it", async () => {
  holdMs = 1_500;
  const id = await world.send("busy", { k: "a" });
  await done("a-hold");
  await world.send("stop-busy", { k: "a" });
  expect(await world.ended(id)).toMatchObject([{ status: "Cancelled" }]);
  await done("a-held");
  // Another run goes all the way meanwhile: had "after" been called, it would have been before that.
  holdMs = 0;
  await world.ended(await world.send("busy", { k: "b" }));
  expect(steps).toContain("b-after");
  expect(steps).not.toContain("a-after");
});

test("an event can start a run and cancel the one before it, and not the one that it starts", async () => {
  const first = await world.send("renewed", { k: "a", nap: "60s" });
  await until(
    async () => ((await world.get(`/v1/events/${first}/runs`)).body as { data: unknown[] }).data?.[0] ?? null,
    10_000,
    () => "the first run",
  );
  const second = await world.send("renewed", { k: "a", nap: "1s" });
  expect(await world.ended(first)).toMatchObject([{ status: "Cancelled" }]);
  expect(await world.ended(second)).toMatchObject([{ status: "Completed" }]);
});

test("a run that invoked a cancelled one is told", async () => {
  const id = await world.send("parent", { k: "p" });
  await until(
    async () => {
      await world.send("stop-child", { k: "p" });
      const { body } = await world.get(`/v1/events/${id}/runs`);
      return (body as { data: { status: string }[] }).data?.[0]?.status === "Completed" ? true : null;
    },
    15_000,
    () => "the parent to go on",
  );
  expect(await world.ended(id)).toMatchObject([{ output: { caught: expect.stringMatching(/cancelled/i) } }]);
});

test("timeouts.start cancels what is not started in time, and what is started goes on", async () => {
  const first = await world.send("queued", { k: "a", ms: 4_000 });
  await done("a-queued");
  const second = await world.send("queued", { k: "b", ms: 10 });
  expect(await world.ended(second)).toMatchObject([{ status: "Cancelled" }]);
  expect(await world.ended(first)).toMatchObject([{ status: "Completed" }]);
  expect(steps).not.toContain("b-queued");
});

test("timeouts.finish cancels a run that goes on for longer", async () => {
  const long = await world.send("slow", { nap: "30s" });
  const short = await world.send("slow", { nap: "1s" });
  expect(await world.ended(long)).toMatchObject([{ status: "Cancelled" }]);
  expect(await world.ended(short)).toMatchObject([{ status: "Completed" }]);
});

test("inngest/function.finished tells of every run that ended", async () => {
  const id = await world.send("slow", { nap: "1s" });
  const [run] = await world.ended(id);
  await until(
    () => (told.finished ?? []).find((data) => data.run_id === run?.run_id) ?? null,
    10_000,
    () => "inngest/function.finished",
  );
});
