import { NonRetriableError, RetryAfterError } from "inngest";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createWorld, until, type World } from "./support/world.ts";

let world: World;
const attempts: Record<string, number[]> = {};
const failures: Record<string, unknown> = {};
const note = (key: string, attempt: number): void => {
  attempts[key] = [...(attempts[key] ?? []), attempt];
};

beforeAll(async () => {
  world = await createWorld((client, name) => [
    client.createFunction(
      { id: "recovers", retries: 2, triggers: [{ event: name("recovers") }] },
      async ({ step, attempt }) => {
        await step.run("fine", () => note("recovers-fine", attempt));
        await step.run("flaky", () => {
          note("recovers", attempt);
          if (attempt < 2) throw new RetryAfterError("not yet", 1_000);
        });
        // The next step starts with attempts of its own.
        return await step.run("after", () => note("recovers-after", attempt));
      },
    ),
    client.createFunction(
      {
        id: "retry",
        retries: 1,
        triggers: [{ event: name("retry") }],
        onFailure: async ({ event, error }: { event: { data: unknown }; error: Error }) => {
          failures.retry = { message: error.message, name: error.name, data: event.data };
        },
      },
      async ({ step, attempt }) => {
        await step.run("bad", () => {
          note("retry", attempt);
          throw new RetryAfterError("later please", "1s");
        });
      },
    ),
    client.createFunction(
      { id: "caught", retries: 0, triggers: [{ event: name("caught") }] },
      async ({ step }) => {
        try {
          await step.run("bad", () => {
            throw new Error("boom");
          });
        } catch (error) {
          return { caught: (error as Error).message, name: (error as Error).name };
        }
      },
    ),
    client.createFunction(
      { id: "final", retries: 3, triggers: [{ event: name("final") }] },
      async ({ attempt }) => {
        note("final", attempt);
        throw new NonRetriableError("never");
      },
    ),
    client.createFunction(
      { id: "body", retries: 1, triggers: [{ event: name("body") }] },
      async ({ attempt }) => {
        note("body", attempt);
        throw new RetryAfterError("plain", 1_000);
      },
    ),
    client.createFunction(
      { id: "parallel", retries: 1, triggers: [{ event: name("parallel") }] },
      async ({ step, attempt }) => {
        const results = await Promise.allSettled([
          step.run("good", () => {
            note("parallel-good", attempt);
            return "good";
          }),
          step.run("bad", () => {
            note("parallel-bad", attempt);
            throw new RetryAfterError("half", 1_000);
          }),
        ]);
        return results.map((result) => (result.status === "fulfilled" ? result.value : "failed"));
      },
    ),
  ]);
});
afterAll(() => world?.close());

test("a failed step is tried again and the steps before it are not", async () => {
  const [run] = await world.ended(await world.send("recovers"));
  expect(run?.status).toBe("Completed");
  expect(attempts.recovers).toEqual([0, 1, 2]);
  expect(attempts["recovers-fine"]).toEqual([0]);
  expect(attempts["recovers-after"]).toEqual([0]);
});

test("a run that exhausts its retries fails and its failure handler is told", async () => {
  const [run] = await world.ended(await world.send("retry", { k: 1 }));
  expect(run).toMatchObject({
    status: "Failed",
    output: { message: "later please", name: "RetryAfterError" },
  });
  expect(attempts.retry).toEqual([0, 1]);
  await until(
    () => failures.retry ?? null,
    10_000,
    () => "the failure handler",
  );
  expect(failures.retry).toMatchObject({
    message: "later please",
    data: {
      function_id: expect.stringMatching(/-retry$/),
      run_id: run?.run_id,
      event: { data: { k: 1 } },
      error: { message: "later please", name: "RetryAfterError" },
    },
  });
});

test("a function may catch a step that failed for good", async () => {
  const [run] = await world.ended(await world.send("caught"));
  expect(run).toMatchObject({ status: "Completed", output: { caught: "boom", name: "Error" } });
});

test("NonRetriableError ends the run at once", async () => {
  const [run] = await world.ended(await world.send("final"));
  expect(run).toMatchObject({ status: "Failed", output: { message: "never", name: "NonRetriableError" } });
  expect(attempts.final).toEqual([0]);
});

test("a function that throws outside of steps is tried again", async () => {
  const [run] = await world.ended(await world.send("body"));
  expect(run).toMatchObject({ status: "Failed", output: { message: "plain" } });
  expect(attempts.body).toEqual([0, 1]);
});

test("one of two parallel steps fails and is retried alone", async () => {
  const [run] = await world.ended(await world.send("parallel"));
  expect(run).toMatchObject({ status: "Completed", output: ["good", "failed"] });
  expect(attempts["parallel-good"]).toEqual([0]);
  expect(attempts["parallel-bad"]).toEqual([0, 1]);
});
