import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createWorld, type World } from "./support/world.ts";

describe.each([
  ["with checkpointing", true],
  ["without checkpointing", false],
])("%s", (_how, checkpointing) => {
  let world: World;
  const calls: Record<string, number> = {};
  const count = (key: string): number => {
    calls[key] = (calls[key] ?? 0) + 1;
    return calls[key];
  };

  beforeAll(async () => {
    world = await createWorld(
      (client, name) => [
        client.createFunction(
          { id: "steps", triggers: [{ event: name("steps") }] },
          async ({ step, event }) => {
            const a = await step.run("one", () => ({ a: count(`one ${event.id}`) }));
            const [b, c] = await Promise.all([
              step.run("p1", () => count(`p1 ${event.id}`)),
              step.run("p2", () => count(`p2 ${event.id}`) + 1),
            ]);
            await step.sleep("nap", "1s");
            return { a, b, c };
          },
        ),
        client.createFunction(
          { id: "plain", triggers: [{ event: name("plain") }] },
          async ({ event, runId }) => ({
            got: event.data,
            id: event.id,
            hasRun: runId.length,
          }),
        ),
        client.createFunction(
          {
            id: "picky",
            triggers: [{ event: name("picky"), if: "event.data.ok == true && event.data.n > 2" }],
          },
          async () => "ran",
        ),
        client.createFunction(
          { id: "either", triggers: [{ event: name("left") }, { event: name("right") }] },
          async ({ event }) => event.name.split("/")[1],
        ),
        client.createFunction({ id: "sender", triggers: [{ event: name("sender") }] }, async ({ step }) => {
          const sent = await step.sendEvent("tell", { name: name("plain"), data: { from: "sender" } });
          return sent.ids;
        }),
        client.createFunction({ id: "until", triggers: [{ event: name("until") }] }, async ({ step }) => {
          const at = await step.run("when", () => Date.now() + 1_200);
          await step.sleepUntil("wait", new Date(at));
          return Date.now() - at;
        }),
        client.createFunction({ id: "chains", triggers: [{ event: name("chains") }] }, async ({ step }) => {
          const left = async (): Promise<number> => {
            const first = await step.run("l1", () => count("l1"));
            return first + (await step.run("l2", () => count("l2")));
          };
          const right = async (): Promise<number> => {
            await step.sleep("r1", "1s");
            return await step.run("r2", () => count("r2"));
          };
          return await Promise.all([left(), right()]);
        }),
        client.createFunction(
          { id: "unoptimized", optimizeParallelism: false, triggers: [{ event: name("unoptimized") }] },
          async ({ step, event }) => {
            const first = await Promise.race([
              step.run("quick", () => "quick"),
              step.sleep("slow", "2s").then(() => "slow"),
            ]);
            const after = await step.run("after", () => ({
              n: count(`after ${event.id}`),
              atMs: Date.now(),
            }));
            return { first, ...after };
          },
        ),
        client.createFunction(
          { id: "raced", triggers: [{ event: name("raced") }] },
          async ({ step, group, event }) => {
            const first = await group.parallel({ mode: "race" }, async () =>
              Promise.race([
                step.run("quick", () => "quick"),
                step.run("slow", async () => {
                  await new Promise((resolve) => setTimeout(resolve, 1_000));
                  return "slow";
                }),
              ]),
            );
            return { first, after: await step.run("after", () => count(`raced ${event.id}`)) };
          },
        ),
        client.createFunction({ id: "large", triggers: [{ event: name("large") }] }, async ({ step }) => {
          const sizes: number[] = [];
          for (let i = 0; i < 5; i++) {
            const text = await step.run(`big-${i}`, () => "x".repeat(900_000));
            sizes.push(text.length);
          }
          await step.sleep("pause", "1s");
          return sizes;
        }),
        client.createFunction({ id: "odd", triggers: [{ event: name("odd") }] }, async ({ step, event }) => {
          const value = await step.run("echo", () => event.data);
          await step.sleep("pause", "1s");
          return await step.run("again", () => value);
        }),
      ],
      { checkpointing },
    );
  });
  afterAll(() => world?.close());

  test("steps, parallel steps and a sleep run once each and yield the function's result", async () => {
    const id = await world.send("steps");
    const [run] = await world.ended(id);
    expect(run).toMatchObject({ status: "Completed", output: { a: { a: 1 }, b: 1, c: 2 } });
    const { body } = await world.get(`/v1/runs/${run?.run_id}`);
    expect(body).toMatchObject({ data: { run_id: run?.run_id, status: "Completed", event_id: id } });
  });

  test("a function gets the event's data and its id", async () => {
    const id = await world.send("plain", { x: [1, { y: "ș" }] }, { id: `own-${Date.now()}` });
    const [run] = await world.ended(id);
    expect(run?.output).toMatchObject({
      got: { x: [1, { y: "ș" }] },
      id: expect.stringMatching(/^own-/),
      hasRun: 26,
    });
  });

  test("a trigger's expression decides whether the event starts the function", async () => {
    const no = await world.send("picky", { ok: true, n: 1 });
    const missing = await world.send("picky", {});
    const yes = await world.send("picky", { ok: true, n: 3 });
    expect(await world.ended(yes)).toMatchObject([{ output: "ran" }]);
    expect((await world.get(`/v1/events/${no}/runs`)).body).toMatchObject({ data: [] });
    expect((await world.get(`/v1/events/${missing}/runs`)).body).toMatchObject({ data: [] });
  });

  test("a function with two triggers is started by either event", async () => {
    const [left] = await world.ended(await world.send("left"));
    const [right] = await world.ended(await world.send("right"));
    expect([left?.output, right?.output]).toEqual(["left", "right"]);
  });

  test("step.sendEvent sends an event that starts another function", async () => {
    const [sender] = await world.ended(await world.send("sender"));
    const ids = sender?.output as string[];
    const [plain] = await world.ended(ids[0] ?? "");
    expect(plain?.output).toMatchObject({ got: { from: "sender" } });
  });

  test("step.sleepUntil waits for the instant", async () => {
    const [run] = await world.ended(await world.send("until"));
    expect(run?.output).toBeGreaterThanOrEqual(-5);
  });

  test("parallel chains with a sleep in one of them come together", async () => {
    const [run] = await world.ended(await world.send("chains"));
    expect(run?.output).toEqual([2, 1]);
  });

  test("without optimized parallelism the winner of a race goes on at once", async () => {
    const sentAtMs = Date.now();
    // The run itself ends only when the loser has, too: the SDK does not return before.
    const [run] = await world.ended(await world.send("unoptimized"));
    const output = run?.output as { first: string; n: number; atMs: number };
    expect(output).toMatchObject({ first: "quick", n: 1 });
    expect(output.atMs - sentAtMs).toBeLessThan(1_500);
  });

  test("in a group in race mode the winner goes on and the next step runs once", async () => {
    const [run] = await world.ended(await world.send("raced"));
    expect(run?.output).toEqual({ first: "quick", after: 1 });
  });

  test("state that is too large for a call is fetched by the app", async () => {
    const [run] = await world.ended(await world.send("large"));
    expect(run).toMatchObject({ status: "Completed", output: [900_000, 900_000, 900_000, 900_000, 900_000] });
  });

  test("odd data comes through step results and events unchanged", async () => {
    const data = {
      nul: "a\u0000b",
      big: 9_007_199_254_740_991,
      f: 1e-7,
      e: 1e21,
      ключ: "ш",
      q: '"\\',
      empty: {},
      list: [null, [], false],
    };
    const [run] = await world.ended(await world.send("odd", data));
    expect(run?.output).toEqual(data);
  });
});
