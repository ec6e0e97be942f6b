import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hashSigningKey } from "#infra/engine/protocol/signing.ts";
import { SIGNING_KEY } from "./support/engine-process.ts";
import { createWorld, type RunView, until, type World } from "./support/world.ts";

describe.skipIf(Boolean(process.env.INNGEST_BASE_URL))("operations of the local engine", () => {
  let world: World;
  let slug: (id: string) => string;
  const seen: number[] = [];
  let broken = true;

  beforeAll(async () => {
    world = await createWorld((client, name) => [
      client.createFunction(
        { id: "paused", concurrency: 1, triggers: [{ event: name("paused") }] },
        async ({ event }) => {
          seen.push(event.data.n);
          return event.data.n;
        },
      ),
      client.createFunction({ id: "sleepy", triggers: [{ event: name("sleepy") }] }, async ({ step }) => {
        await step.sleep("long", "1h");
      }),
      client.createFunction(
        { id: "flaky", retries: 0, triggers: [{ event: name("flaky") }] },
        async ({ event }) => {
          if (broken) throw new Error("not now");
          return event.data;
        },
      ),
      client.createFunction(
        { id: "steps", retries: 1, triggers: [{ event: name("steps") }] },
        async ({ step, attempt }) => {
          const a = await step.run("a", () => Math.random());
          const b = await step.run("b", () => {
            if (attempt === 0) throw new Error("first time unlucky");
            return Math.random();
          });
          return { a, b };
        },
      ),
    ]);
    const app = world.name("").slice(0, -1);
    slug = (id) => `${app}-${id}`;
  });
  afterAll(() => world?.close());

  const request = async (method: string, path: string, body?: unknown) => {
    const answer = await fetch(new URL(path, world.baseUrl), {
      method,
      headers: { authorization: `Bearer ${hashSigningKey(SIGNING_KEY)}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, text, json: text.startsWith("{") ? JSON.parse(text) : null };
  };
  const runsOf = async (eventId: string): Promise<RunView[]> =>
    (await request("GET", `/v1/events/${eventId}/runs`)).json.data;
  const bulkDone = (id: string) =>
    until(
      async () => {
        const { json } = await request("GET", `/v1/bulk/${id}`);
        return json.data.status === "done" ? json.data : null;
      },
      20_000,
      () => `bulk operation ${id}`,
    );

  test("what arrives for a paused function waits in order, also over a restart", async () => {
    expect((await request("POST", `/v1/functions/${slug("paused")}/pause`)).json.data.paused).toBe(true);
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.push(await world.send("paused", { n }));
    await world.restartEngine("SIGKILL");
    for (let n = 5; n < 8; n++) ids.push(await world.send("paused", { n }));
    // Another function's run shows that the queue goes on.
    await world.ended(await world.send("flaky"));
    expect(seen).toEqual([]);
    await request("POST", `/v1/functions/${slug("paused")}/resume`);
    for (const id of ids) await world.ended(id);
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test("bulk replay runs what failed once more: counted before, done once, and only within its filter", async () => {
    const from = new Date().toISOString();
    const ids: string[] = [];
    for (let n = 0; n < 12; n++) ids.push(await world.send("flaky", { n }));
    for (const id of ids) await world.ended(id);
    broken = false;
    const filter = {
      kind: "replay",
      function: slug("flaky"),
      status: "Failed",
      from,
      if: "event.data.n >= 2",
    };
    expect((await request("POST", "/v1/bulk/preview", filter)).json.data.count).toBe(12);
    const operation = { ...filter, id: "replay-1", ratePerSecond: 5 };
    expect((await request("POST", "/v1/bulk", operation)).status).toBe(201);
    expect((await request("POST", "/v1/bulk", operation)).status).toBe(200);
    await until(
      async () => ((await request("GET", "/v1/bulk/replay-1")).json.data.done > 0 ? true : null),
      10_000,
      () => "the first batch",
    );
    await world.restartEngine("SIGKILL");
    expect(await bulkDone("replay-1")).toMatchObject({ total: 12, done: 12 });
    for (const [n, id] of ids.entries()) {
      const runs = await world.ended(id, n >= 2 ? 2 : 1);
      expect(runs.map((run) => run.status)).toEqual(n >= 2 ? ["Failed", "Completed"] : ["Failed"]);
    }
  });

  test("bulk cancel ends the runs of its filter and no others", async () => {
    const from = new Date().toISOString();
    const ids: string[] = [];
    for (let n = 0; n < 6; n++) ids.push(await world.send("sleepy", { n }));
    const filter = { kind: "cancel", function: slug("sleepy"), from, if: "event.data.n != 3" };
    expect((await request("POST", "/v1/bulk/preview", filter)).json.data.count).toBe(6);
    await request("POST", "/v1/bulk", { ...filter, id: "cancel-1" });
    await bulkDone("cancel-1");
    const ends = await Promise.all(ids.map(async (id) => (await runsOf(id))[0]?.status));
    expect(ends).toEqual(ids.map((_id, n) => (n === 3 ? "Running" : "Cancelled")));
  });

  test("a cancellation of the API ends a function's runs and is listed", async () => {
    const id = await world.send("sleepy", { n: 9 });
    const created = await request("POST", "/v1/cancellations", {
      app_id: world.name("").slice(0, -1),
      function_id: "sleepy",
      started_after: new Date(Date.now() - 60_000).toISOString(),
      started_before: new Date(Date.now() + 1_000).toISOString(),
      if: "event.data.n == 9",
    });
    expect(created.status).toBe(201);
    expect(await world.ended(id)).toMatchObject([{ status: "Cancelled" }]);
    const { json } = await request("GET", "/v1/cancellations");
    expect(json.data.map((one: { id: string }) => one.id)).toContain(created.json.data.id);
    expect((await request("DELETE", `/v1/cancellations/${created.json.data.id}`)).status).toBe(204);
    expect((await request("DELETE", "/v1/cancellations/none")).status).toBe(404);
  });

  test("a run is rerun whole, and from a step with the results before it", async () => {
    const id = await world.send("steps");
    const [first] = await world.ended(id);
    const before = first?.output as { a: number; b: number };
    const whole = await request("POST", `/v1/runs/${first?.run_id}/rerun`);
    expect(whole.status).toBe(201);
    const runs = await world.ended(id, 2);
    const second = runs.find((run) => run.run_id === whole.json.data.run_id)?.output as typeof before;
    expect(second.a).not.toBe(before.a);
    const stepOfB = createHash("sha1").update("b").digest("hex");
    const part = await request("POST", `/v1/runs/${first?.run_id}/rerun`, { fromStep: stepOfB });
    const third = (await world.ended(id, 3)).find((run) => run.run_id === part.json.data.run_id);
    expect(third).toMatchObject({ status: "Completed", output: { a: before.a } });
    expect((third?.output as typeof before | undefined)?.b).not.toBe(before.b);
    expect((await request("POST", `/v1/runs/${first?.run_id}/rerun`, { fromStep: "none" })).status).toBe(404);
  });

  test.each([
    ["an unknown kind", { id: "x", kind: "explode" }],
    ["an unknown function", { id: "x", kind: "cancel", function: "nobody" }],
    ["a status that cannot be cancelled", { id: "x", kind: "cancel", status: "Failed" }],
    ["a bad expression", { id: "x", kind: "cancel", if: "event.data ==" }],
    ["no id", { kind: "cancel" }],
  ])("a bulk operation with %s is refused", async (_what, body) => {
    expect((await request("POST", "/v1/bulk", body)).status).toBe(400);
  });

  test("metrics tell of runs, queue and latencies, by function", async () => {
    const { text, status } = await request("GET", "/metrics");
    expect(status).toBe(200);
    expect(text).toContain(`inngest_engine_runs_total{function="${slug("steps")}",event="completed"} 3`);
    expect(text).toContain(`inngest_engine_waiting{function="${slug("sleepy")}",reason="sleep"} 1`);
    expect(text).toMatch(/inngest_engine_start_latency_seconds_bucket\{le="0.005"\} \d+/);
    expect(text).toMatch(/# TYPE inngest_engine_queue_depth gauge/);
    expect((await fetch(new URL("/metrics", world.baseUrl))).status).toBe(401);
  });
});
