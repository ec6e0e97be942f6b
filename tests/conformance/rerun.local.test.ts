import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hashSigningKey } from "#infra/engine/protocol/signing.ts";
import { SIGNING_KEY } from "./support/engine-process.ts";
import { createWorld, type RunView, type World } from "./support/world.ts";

/** How the SDK makes the id of a step from its name. */
const stepId = (name: string): string => createHash("sha1").update(name).digest("hex");

describe.skipIf(Boolean(process.env.INNGEST_BASE_URL))("a rerun", () => {
  let world: World;
  /** What ran, in order: "<event's n> <step>". */
  const ran: string[] = [];
  let secondFails = false;

  beforeAll(async () => {
    world = await createWorld((client, name) => [
      client.createFunction(
        { id: "steps", retries: 0, triggers: [{ event: name("steps") }] },
        async ({ event, step, runId }) => {
          const first = await step.run("first", () => ran.push(`${event.data.n} first`));
          const second = await step.run("second", () => {
            if (secondFails) throw new Error("not now");
            return ran.push(`${event.data.n} second`);
          });
          const third = await step.run("third", () => ran.push(`${event.data.n} third`));
          return { input: event, runId, first, second, third };
        },
      ),
      client.createFunction(
        {
          id: "limited",
          rateLimit: { limit: 1, period: "1h" },
          triggers: [{ event: name("limited") }],
        },
        async ({ event }) => event.data,
      ),
      client.createFunction(
        {
          id: "debounced",
          debounce: { period: "1s" },
          triggers: [{ event: name("debounced") }],
        },
        async ({ event }) => event.data,
      ),
      client.createFunction(
        {
          id: "batched",
          batchEvents: { maxSize: 2, timeout: "60s" },
          triggers: [{ event: name("batched") }],
        },
        async ({ events }) => events.map((event: { data: { n: number } }) => event.data.n),
      ),
    ]);
  });
  afterAll(() => world?.close());

  const rerun = async (runId: string, body?: { fromStep: string }) => {
    const answer = await fetch(new URL(`/v1/runs/${runId}/rerun`, world.baseUrl), {
      method: "POST",
      headers: { authorization: `Bearer ${hashSigningKey(SIGNING_KEY)}` },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return {
      status: answer.status,
      body: (await answer.json()) as { data?: { run_id: string }; error?: string },
    };
  };
  /** The one run of an event, when it has ended. */
  const only = async (eventId: string): Promise<RunView> => (await world.ended(eventId))[0] as RunView;
  /** The run that a rerun has made, when it has ended; `count` with it. */
  const again = async (
    eventId: string,
    runId: string,
    count = 2,
    body?: { fromStep: string },
  ): Promise<RunView> => {
    const answer = await rerun(runId, body);
    expect(answer.status).toBe(201);
    const runs = await world.ended(eventId, count);
    return runs.find((run) => run.run_id === answer.body.data?.run_id) as RunView;
  };

  test("is a run of its own with the same input, and runs every step once more", async () => {
    const eventId = await world.send("steps", { n: 1, text: "kept" });
    const first = await only(eventId);
    const second = await again(eventId, first.run_id);
    expect(second.run_id).not.toBe(first.run_id);
    const [before, after] = [first.output, second.output] as Record<string, unknown>[];
    expect(after?.input).toEqual(before?.input);
    expect(after?.runId).toBe(second.run_id);
    expect(ran).toEqual(["1 first", "1 second", "1 third", "1 first", "1 second", "1 third"]);
    expect((await world.get(`/v1/runs/${first.run_id}`)).body).toMatchObject({ data: { output: before } });
  });

  test("from a step does not run the steps before it, and runs it and those after it", async () => {
    ran.length = 0;
    const eventId = await world.send("steps", { n: 2 });
    const first = await only(eventId);
    const second = await again(eventId, first.run_id, 2, { fromStep: stepId("second") });
    expect(ran).toEqual(["2 first", "2 second", "2 third", "2 second", "2 third"]);
    expect(second.output).toMatchObject({ first: 1, second: 4, third: 5 });
    const third = await again(eventId, second.run_id, 3, { fromStep: stepId("third") });
    expect(third.output).toMatchObject({ first: 1, second: 4, third: 6 });
  });

  test("from the step that failed lets a failed run come to its end", async () => {
    ran.length = 0;
    secondFails = true;
    const eventId = await world.send("steps", { n: 3 });
    const failed = await only(eventId);
    expect(failed.status).toBe("Failed");
    secondFails = false;
    const repaired = await again(eventId, failed.run_id, 2, { fromStep: stepId("second") });
    expect(repaired.status).toBe("Completed");
    expect(ran).toEqual(["3 first", "3 second", "3 third"]);
  });

  test.each(["limited", "debounced"])("is not held back where its function is %s", async (name) => {
    const eventId = await world.send(name, { n: 4 });
    const first = await only(eventId);
    const reruns = await Promise.all([rerun(first.run_id), rerun(first.run_id)]);
    expect(reruns.map(({ status }) => status)).toEqual([201, 201]);
    const runs = await world.ended(eventId, 3);
    expect(runs.map(({ output }) => output)).toEqual([{ n: 4 }, { n: 4 }, { n: 4 }]);
  });

  test("of a batch has all its events, at once", async () => {
    const eventId = await world.send("batched", { n: 5 });
    await world.send("batched", { n: 6 });
    const first = await only(eventId);
    expect((await again(eventId, first.run_id)).output).toEqual(first.output);
    expect(first.output).toEqual([5, 6]);
  });

  test("of what is not there is refused in a sentence", async () => {
    const first = await only(await world.send("steps", { n: 7 }));
    expect(await rerun("01AAAAAAAAAAAAAAAAAAAAAAAA")).toMatchObject({
      status: 404,
      body: { error: "There is no run 01AAAAAAAAAAAAAAAAAAAAAAAA." },
    });
    expect(await rerun(first.run_id, { fromStep: "none" })).toMatchObject({
      status: 404,
      body: { error: "The run has no step none." },
    });
  });
});
