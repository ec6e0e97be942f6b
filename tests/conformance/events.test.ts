import { afterAll, beforeAll, expect, test } from "vitest";
import { EVENT_KEY } from "./support/engine-process.ts";
import { createWorld, until, type World } from "./support/world.ts";

let world: World;
const starts: string[] = [];

beforeAll(async () => {
  world = await createWorld((client, name) => [
    client.createFunction({ id: "once", triggers: [{ event: name("once") }] }, async ({ event, step }) => {
      await step.run("note", () => starts.push(String(event.data.tag)));
      return Date.now();
    }),
  ]);
});
afterAll(() => world?.close());

const post = async (body: string, key = EVENT_KEY): Promise<{ status: number; body: unknown }> => {
  const answer = await fetch(new URL(`/e/${key}`, world.baseUrl), { method: "POST", body });
  return { status: answer.status, body: await answer.json() };
};

test("an event with the same id starts its function once, in one request and in a later one", async () => {
  const id = `same-${world.name("x")}`;
  const event = { id, name: world.name("once"), data: { tag: "same" } };
  const both = await post(JSON.stringify([event, event]));
  expect(both).toMatchObject({
    status: 200,
    body: { status: 200, ids: [expect.any(String), expect.any(String)] },
  });
  expect((await post(JSON.stringify(event))).status).toBe(200);
  const last = await world.send("once", { tag: "last" });
  await world.ended(last);
  await until(
    () => (starts.includes("same") ? true : null),
    5_000,
    () => "the first of the same",
  );
  expect(starts.filter((tag) => tag === "same")).toEqual(["same"]);
});

test("an event with a time in the future starts its function then", async () => {
  const at = Date.now() + 1_500;
  const [run] = await world.ended(await world.send("once", { tag: "later" }, { ts: at }));
  expect(run?.output).toBeGreaterThanOrEqual(at - 20);
});

test("many events in one request are all taken", async () => {
  const events = Array.from({ length: 50 }, (_, i) => ({
    name: world.name("once"),
    data: { tag: `many-${i}` },
  }));
  const { ids } = await world.client.send(events);
  expect(new Set(ids).size).toBe(50);
  await Promise.all(ids.map((id) => world.ended(id)));
  expect(starts.filter((tag) => tag.startsWith("many-")).length).toBe(50);
});

test.each([
  ["an empty name", '{"name":"","data":{}}', /name is empty/],
  ["no name", '{"data":{}}', /name is empty/],
  ["no JSON", "not json", /event object or an array/],
  ["data that is no object", '{"name":"rec/none","data":[1]}', /./],
  [
    "a reserved name",
    '{"name":"inngest/internal","data":{}}',
    /reserved for internal use: inngest\/internal/,
  ],
  [
    "more than 3 MiB",
    JSON.stringify({ name: "rec/none", data: { x: "x".repeat(4_000_000) } }),
    /over the max size/,
  ],
])("an event with %s is refused with a sentence", async (_what, body, error) => {
  expect(await post(body)).toMatchObject({
    status: 400,
    body: { status: 400, error: expect.stringMatching(error) },
  });
});

test("an unknown event key is refused", async () => {
  expect(await post('{"name":"rec/none"}', "wrongkey")).toMatchObject({
    status: 401,
    body: { error: "Event key not found" },
  });
});

test("data may be missing", async () => {
  expect(await post('{"name":"rec/none"}')).toMatchObject({ status: 200 });
});

test("nothing but health is answered without the signing key", async () => {
  for (const path of ["/v1/events?limit=2", "/v1/runs/x", "/dev"]) {
    const answer = await fetch(new URL(path, world.baseUrl));
    expect([path, answer.status]).toEqual([path, 401]);
  }
  const health = await fetch(new URL("/health", world.baseUrl));
  expect(await health.json()).toEqual({ status: 200, message: "OK" });
});
