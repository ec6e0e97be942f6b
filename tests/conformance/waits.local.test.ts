import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createWorld, until, type World } from "./support/world.ts";

describe.skipIf(Boolean(process.env.INNGEST_BASE_URL))("waits and kills", () => {
  let world: World;
  let db: Client;

  beforeAll(async () => {
    world = await createWorld((client, name) => [
      client.createFunction({ id: "one", triggers: [{ event: name("one") }] }, async ({ step }) => {
        const got = await step.waitForEvent("mine", {
          event: name("reply"),
          match: "data.n",
          timeout: "10m",
        });
        return got?.data.n ?? null;
      }),
      client.createFunction({ id: "all", triggers: [{ event: name("all") }] }, async ({ step }) => {
        const got = await step.waitForEvent("bell", { event: name("bell"), timeout: "10m" });
        return got ? "rang" : null;
      }),
      client.createFunction({ id: "late", triggers: [{ event: name("late") }] }, async ({ step }) => {
        return await step.waitForEvent("never", { event: name("never"), timeout: "3s" });
      }),
    ]);
    db = new Client({ connectionString: world.databaseUrl ?? "", options: "-c search_path=inngest_engine" });
    await db.connect();
  });
  afterAll(async () => {
    await db?.end();
    await world?.close();
  });

  const waiting = (event: string, count: number) =>
    until(
      async () => {
        const found = await db.query("select count(*)::int as n from wait where name = $1", [
          world.name(event),
        ]);
        return found.rows[0].n === count ? true : null;
      },
      20_000,
      () => `${count} waits for ${event}`,
    );
  const outputs = async (fn: string): Promise<(string | null)[]> => {
    const found = await db.query(
      "select r.output from run r join function f on f.id = r.fn_id where f.slug like $1 and r.status = 1 order by r.id",
      [`%-${fn}`],
    );
    return found.rows.map((row) => row.output);
  };
  const sendMany = async (event: string, count: number): Promise<void> => {
    await world.client.send(
      Array.from({ length: count }, (_none, n) => ({ name: world.name(event), data: { n } })),
    );
  };

  test("a killed engine forgets no wait, and no event that it accepted for one", async () => {
    await sendMany("one", 150);
    await waiting("reply", 150);
    await world.restartEngine("SIGKILL");
    await sendMany("reply", 150);
    await world.restartEngine("SIGKILL");
    await waiting("reply", 0);
    const done = await until(
      async () => {
        const found = await outputs("one");
        return found.length === 150 ? found : null;
      },
      30_000,
      () => "all replies",
    );
    expect(done.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 150 }, (_none, n) => n));
  });

  test("one event wakes every run that waits for it, over several pages and a kill", async () => {
    await sendMany("all", 500);
    await waiting("bell", 500);
    await sendMany("bell", 1);
    await world.restartEngine("SIGKILL");
    const done = await until(
      async () => {
        const found = await outputs("all");
        return found.length === 500 ? found : null;
      },
      30_000,
      () => "all bells",
    );
    expect(new Set(done)).toEqual(new Set(['"rang"']));
    const left = await db.query("select count(*)::int as n from queue_item where kind in (6, 7)");
    expect(left.rows[0].n).toBe(0);
  });

  test("a wait's timeout comes although the engine was killed meanwhile", async () => {
    const id = await world.send("late");
    await waiting("never", 1);
    await world.restartEngine("SIGKILL");
    expect(await world.ended(id)).toMatchObject([{ status: "Completed", output: null }]);
    await waiting("never", 0);
  });
});
