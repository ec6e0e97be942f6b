import { afterAll, beforeAll, expect, test } from "vitest";
import { createWorld, until, type World } from "./support/world.ts";

let world: World;
/** The functions of whose ends the listener was told. */
const told: string[] = [];
beforeAll(async () => {
  world = await createWorld((client, name) => [
    client.createFunction({ id: "quick", triggers: [{ event: name("quick") }] }, async () => "done"),
    client.createFunction(
      { id: "listener", triggers: [{ event: "inngest/function.finished" }] },
      async ({ event }) => {
        told.push(event.data.function_id);
      },
    ),
  ]);
});
afterAll(() => world?.close());

test("a function that listens to the ends of all is told of others' runs, never of its own", async () => {
  const app = world.name("").slice(0, -1);
  const quick = `${app}-quick`;
  for (const times of [1, 2, 3]) {
    await world.ended(await world.send("quick"));
    await until(
      () => (told.filter((slug) => slug === quick).length >= times ? true : null),
      10_000,
      () => `the listener to be told ${times} times`,
    );
  }
  expect(told.filter((slug) => slug.startsWith(app))).toEqual([quick, quick, quick]);
});
