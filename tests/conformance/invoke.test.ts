import { NonRetriableError, referenceFunction } from "inngest";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createWorld, type World } from "./support/world.ts";

let world: World;

beforeAll(async () => {
  world = await createWorld((client, name) => {
    const child = client.createFunction(
      { id: "child", triggers: [{ event: name("child") }] },
      async ({ event, step }) => {
        const doubled = await step.run("double", () => event.data.n * 2);
        if (event.data.fail) throw new NonRetriableError("child said no");
        if (event.data.slow) await step.sleep("long", "30s");
        return { v: doubled };
      },
    );
    return [
      child,
      client.createFunction({ id: "parent", triggers: [{ event: name("parent") }] }, async ({ step }) => {
        const r = await step.invoke("call", { function: child, data: { n: 21 } });
        const err = await step
          .invoke("callbad", { function: child, data: { n: 1, fail: true } })
          .catch((error: Error) => ({ name: error.name, message: error.message }));
        return { r, err };
      }),
      client.createFunction({ id: "fan", triggers: [{ event: name("fan") }] }, async ({ step }) => {
        const all = await Promise.all(
          [1, 2, 3, 4, 5].map((n) => step.invoke(`call-${n}`, { function: child, data: { n } })),
        );
        return all.map((result) => result.v);
      }),
      client.createFunction(
        { id: "impatient", triggers: [{ event: name("impatient") }] },
        async ({ step }) => {
          return await step
            .invoke("call", { function: child, data: { n: 1, slow: true }, timeout: "1s" })
            .catch((error: Error) => ({ failed: error.message }));
        },
      ),
      client.createFunction({ id: "lost", triggers: [{ event: name("lost") }] }, async ({ step }) => {
        const nobody = referenceFunction({ functionId: "nobody-is-there" });
        return await step
          .invoke("call", { function: nobody, data: {} })
          .catch((error: Error) => ({ failed: error.message }));
      }),
    ];
  });
});
afterAll(() => world?.close());

test("step.invoke yields the child's result, and its failure can be caught", async () => {
  const [run] = await world.ended(await world.send("parent"));
  expect(run).toMatchObject({
    status: "Completed",
    output: { r: { v: 42 }, err: { name: "NonRetriableError", message: "child said no" } },
  });
});

test("children invoked in parallel all come back", async () => {
  const [run] = await world.ended(await world.send("fan"));
  expect(run?.output).toEqual([2, 4, 6, 8, 10]);
});

test("an invoke that takes longer than its timeout fails", async () => {
  const [run] = await world.ended(await world.send("impatient"));
  expect(run).toMatchObject({
    status: "Completed",
    output: { failed: expect.stringMatching(/tim(ed|e) ?out/i) },
  });
});

test("an invoke of a function that does not exist fails", async () => {
  const [run] = await world.ended(await world.send("lost"));
  expect(run).toMatchObject({
    status: "Completed",
    output: { failed: expect.stringMatching(/find function/) },
  });
});
