import { afterAll, beforeAll, expect, test } from "vitest";
import { hashSigningKey } from "#infra/engine/protocol/signing.ts";
import { SIGNING_KEY } from "./support/engine-process.ts";
import { createWorld, type RunView, until, type World } from "./support/world.ts";

let world: World;
const order: unknown[] = [];

beforeAll(async () => {
  world = await createWorld((client, name) => [
    client.createFunction(
      { id: "quick", triggers: [{ event: name("quick") }] },
      async ({ event }) => event.data,
    ),
    client.createFunction({ id: "sleepy", triggers: [{ event: name("sleepy") }] }, async ({ step }) => {
      await step.sleep("long", "1h");
      order.push("never");
    }),
  ]);
});
afterAll(() => world?.close());

const request = async (
  method: string,
  path: string,
  body?: unknown,
  bearer = hashSigningKey(SIGNING_KEY),
) => {
  const answer = await fetch(new URL(path, world.baseUrl), {
    method,
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    text,
    json: text.startsWith("{") || text.startsWith("[") ? JSON.parse(text) : null,
  };
};
/** The run of an event once it sleeps. */
const asleep = async (eventId: string): Promise<RunView> =>
  await until(
    async () => (await request("GET", `/v1/events/${eventId}/runs`)).json.data[0] ?? null,
    10_000,
    () => `a run of ${eventId}`,
  );

test("an event can be read, alone and in the list", async () => {
  const id = await world.send("quick", { x: 1 });
  const one = await request("GET", `/v1/events/${id}`);
  expect(one.json.data).toMatchObject({ internal_id: id, id, name: world.name("quick"), data: { x: 1 } });
  const listed = await until(
    async () =>
      (await request("GET", "/v1/events?limit=50")).json.data.find((e: { id: string }) => e.id === id) ??
      null,
    10_000,
    () => "the event in the list",
  );
  expect(listed).toMatchObject({ name: world.name("quick"), received_at: expect.any(String) });
});

test("a run can be read, with its jobs", async () => {
  const [run] = await world.ended(await world.send("quick", { x: 2 }));
  const read = await request("GET", `/v1/runs/${run?.run_id}`);
  expect(read.json.data).toMatchObject({
    status: "Completed",
    output: { x: 2 },
    ended_at: expect.any(String),
  });
  expect((await request("GET", `/v1/runs/${run?.run_id}/jobs`)).json.data).toEqual([]);
});

test("a run that goes on is cancelled over the API, once", async () => {
  const id = await world.send("sleepy");
  const run = await asleep(id);
  const first = await request("DELETE", `/v1/runs/${run.run_id}`);
  expect(first.status).toBeLessThan(300);
  expect(await world.ended(id)).toMatchObject([{ status: "Cancelled" }]);
  expect((await request("DELETE", `/v1/runs/${run.run_id}`)).status).toBe(404);
  expect(order).toEqual([]);
});

test("a signal that nobody waits for is 404", async () => {
  const answer = await request("POST", "/v1/signals", { signal: "nobody", data: 1 });
  expect(answer).toMatchObject({ status: 404, json: { error: "No signal found", data: null } });
});

test("an app's functions are listed as they were recorded", async () => {
  const app = world.name("").slice(0, -1);
  const { json } = await request("GET", `/v1/apps/${app}/functions`);
  expect(json.map((fn: { id: string }) => fn.id).sort()).toEqual([`${app}-quick`, `${app}-sleepy`]);
  expect(json[0]).toMatchObject({ config: { triggers: [{ event: expect.any(String) }] } });
});

test.each([
  ["GET", "/v1/events"],
  ["GET", "/v1/runs/01AAAAAAAAAAAAAAAAAAAAAAAA"],
  ["DELETE", "/v1/runs/01AAAAAAAAAAAAAAAAAAAAAAAA"],
  ["POST", "/v1/cancellations"],
  ["POST", "/v1/signals"],
  ["GET", "/dev"],
])("%s %s needs the signing key", async (method, path) => {
  expect((await request(method, path, undefined, "wrong")).status).toBe(401);
});

test("health needs no key", async () => {
  expect(await request("GET", "/health", undefined, "")).toMatchObject({ status: 200 });
});

test.each([
  ["nonsense for a cancellation", "POST", "/v1/cancellations", "not json"],
  ["nonsense for a signal", "POST", "/v1/signals", "[]"],
])("%s is refused without a crash", async (_what, method, path, body) => {
  const { status } = await request(method, path, body);
  expect(status).toBeGreaterThanOrEqual(400);
  expect((await request("GET", "/health")).status).toBe(200);
});
