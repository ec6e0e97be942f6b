import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createWorld, until, type World } from "./support/world.ts";

describe.each([
  ["with checkpointing", true],
  ["without checkpointing", false],
])("%s", (_how, checkpointing) => {
  let world: World;

  beforeAll(async () => {
    world = await createWorld(
      (client, name) => [
        client.createFunction({ id: "if", triggers: [{ event: name("if") }] }, async ({ step }) => {
          const got = await step.waitForEvent("answer", {
            event: name("answer"),
            if: "async.data.k == event.data.k && async.data.n > 1",
            timeout: "20s",
          });
          return { name: got?.name, data: got?.data, id: got?.id };
        }),
        client.createFunction({ id: "match", triggers: [{ event: name("match") }] }, async ({ step }) => {
          const got = await step.waitForEvent("answer", {
            event: name("matched"),
            match: "data.user.id",
            timeout: "20s",
          });
          return got?.data ?? null;
        }),
        client.createFunction({ id: "any", triggers: [{ event: name("any") }] }, async ({ step }) => {
          const first = await step.waitForEvent("first", { event: name("said"), timeout: "20s" });
          const second = await step.waitForEvent("second", { event: name("said"), timeout: "20s" });
          return [first?.data, second?.data];
        }),
        client.createFunction({ id: "late", triggers: [{ event: name("late") }] }, async ({ step }) => {
          return await step.waitForEvent("never", { event: name("never"), timeout: "1s" });
        }),
        client.createFunction({ id: "both", triggers: [{ event: name("both") }] }, async ({ step }) => {
          const [a, b, c] = await Promise.all([
            step.waitForEvent("a", { event: name("a"), match: "data.k", timeout: "20s" }),
            step.waitForEvent("b", { event: name("b"), timeout: "1s" }),
            step.run("c", () => "c"),
          ]);
          return { a: a?.data, b, c };
        }),
        client.createFunction(
          { id: "signal", triggers: [{ event: name("signal") }] },
          async ({ step, event }) => {
            return await step.waitForSignal("wait", {
              signal: event.data.signal,
              timeout: event.data.timeout ?? "20s",
              onConflict: event.data.onConflict ?? "fail",
            });
          },
        ),
        client.createFunction(
          { id: "signaller", triggers: [{ event: name("signaller") }] },
          async ({ step, event }) => {
            await step.sendSignal("tell", { signal: event.data.signal, data: { from: "step" } });
          },
        ),
        client.createFunction(
          { id: "caught", retries: 0, triggers: [{ event: name("caught") }] },
          async ({ step }) => {
            try {
              await step.run("breaks", () => {
                throw new TypeError("boom");
              });
            } catch (error) {
              const { name: kind, message } = error as Error;
              return await step.run("mend", () => ({ kind, message }));
            }
            return null;
          },
        ),
        client.createFunction({ id: "wrap", triggers: [{ event: name("wrap") }] }, async ({ step }) => {
          return await step.ai.wrap(
            "model",
            async (prompt: string) => ({ said: prompt.toUpperCase() }),
            "hello",
          );
        }),
      ],
      { checkpointing },
    );
  });
  afterAll(() => world?.close());

  /** Sends again until the run has ended: a wait begins some time after its run was triggered. */
  const answered = async (runOf: string, send: () => Promise<unknown>) =>
    await until(
      async () => {
        await send();
        const { body } = await world.get(`/v1/events/${runOf}/runs`);
        const [run] = (body as { data: { status: string; output: unknown }[] }).data;
        return run && run.status !== "Running" ? run : null;
      },
      20_000,
      () => `the run of ${runOf} to end`,
    );

  test("waitForEvent takes the event that its expression accepts, and no other", async () => {
    const id = await world.send("if", { k: "z" });
    const run = await answered(id, async () => {
      await world.send("answer", { k: "other", n: 5 });
      await world.send("answer", { k: "z", n: 1 });
      await world.send("answer", { k: "z", n: 2 });
    });
    expect(run).toMatchObject({
      status: "Completed",
      output: { name: world.name("answer"), data: { k: "z", n: 2 }, id: expect.any(String) },
    });
  });

  test("waitForEvent matches by a field of both events", async () => {
    const [one, two] = [
      await world.send("match", { user: { id: 1 } }),
      await world.send("match", { user: { id: "1" } }),
    ];
    const second = await answered(two, () => world.send("matched", { user: { id: "1" }, for: "two" }));
    expect(second.output).toEqual({ user: { id: "1" }, for: "two" });
    const first = await answered(one, () => world.send("matched", { user: { id: 1 }, for: "one" }));
    expect(first.output).toEqual({ user: { id: 1 }, for: "one" });
  });

  test("two waits after each other take two events", async () => {
    let n = 0;
    const run = await answered(await world.send("any"), () => world.send("said", { n: n++ }));
    const [first, second] = run.output as { n: number }[];
    expect(second?.n).toBeGreaterThan(first?.n ?? Number.NaN);
  });

  test("a wait that nothing comes for yields null after its timeout", async () => {
    const [run] = await world.ended(await world.send("late"));
    expect(run).toMatchObject({ status: "Completed", output: null });
  });

  test("waits and steps side by side all get their results", async () => {
    const id = await world.send("both", { k: 7 });
    const run = await answered(id, () => world.send("a", { k: 7 }));
    expect(run.output).toEqual({ a: { k: 7 }, b: null, c: "c" });
  });

  test("a signal reaches the step that waits for it, once", async () => {
    const signal = world.name("s1");
    const id = await world.send("signal", { signal });
    const sent = await until(
      async () => (await world.client.sendSignal({ signal, data: { x: 1 } })).runId ?? null,
      10_000,
      () => "the wait",
    );
    const [run] = await world.ended(id);
    expect(run).toMatchObject({ run_id: sent, output: { signal, data: { x: 1 } } });
    expect((await world.client.sendSignal({ signal, data: {} })).runId).toBeUndefined();
  });

  test("a step sends a signal; a wait for a signal times out with null", async () => {
    const signal = world.name("s2");
    const id = await world.send("signal", { signal });
    const run = await answered(id, () => world.send("signaller", { signal }));
    expect(run.output).toEqual({ signal, data: { from: "step" } });
    const [late] = await world.ended(await world.send("signal", { signal, timeout: "1s" }));
    expect(late).toMatchObject({ status: "Completed", output: null });
  });

  test("a second wait for the same signal fails its run, or replaces the first", async () => {
    const signal = world.name("s3");
    const first = await world.send("signal", { signal, timeout: "4s", onConflict: "replace" });
    // The first wait stands when a waiting run with "fail" fails for it.
    await until(
      async () => {
        const [run] = await world.ended(await world.send("signal", { signal, timeout: "0s" }));
        return run?.status === "Failed" ? run : null;
      },
      10_000,
      () => "the conflict",
    );
    const third = await world.send("signal", { signal, onConflict: "replace" });
    const run = await answered(third, async () => {
      const { body } = await world.get(`/v1/events/${first}/runs`);
      if ((body as { data: { status: string }[] }).data[0]?.status !== "Running")
        await world.client.sendSignal({ signal, data: 3 });
    });
    expect(run.output).toEqual({ signal, data: 3 });
    expect(await world.ended(first)).toMatchObject([{ status: "Completed", output: null }]);
  });

  test("the error of a step is caught by the function, which goes on", async () => {
    const [run] = await world.ended(await world.send("caught"));
    expect(run).toMatchObject({ status: "Completed", output: { kind: "TypeError", message: "boom" } });
  });

  test("step.ai.wrap works as a step", async () => {
    const [run] = await world.ended(await world.send("wrap"));
    expect(run?.output).toEqual({ said: "HELLO" });
  });
});
