import pg from "pg";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { apiOf } from "#infra/demo/api-client.ts";
import { eventually } from "#tests/support/eventually.ts";
import { type MainJob, startMainJob } from "#tests/support/main-job.ts";
import { removeFolders, withoutServiceUrls } from "#tests/support/stack-folders.ts";
import { compareWithKept, expectAll, sendAtRate } from "#tests/support/webhook-load.ts";

let main: MainJob;
let db: pg.Pool;

beforeAll(async () => {
  withoutServiceUrls();
  main = await startMainJob();
  db = new pg.Pool({ connectionString: main.stack.env.DATABASE_URL as string, max: 1 });
  db.on("error", () => {});
});
afterAll(async () => {
  await db.end();
  await main.stop();
  vi.unstubAllEnvs();
  await removeFolders();
});

it("loses no webhook that it has answered 200, takes none twice and none that is forged, also when Postgres is killed", async () => {
  const senders = await expectAll(apiOf(main.stack));
  const sending = sendAtRate(senders, { perSecond: 100, seconds: 5, seed: "e2e" });
  await eventually(async () => {
    const { rows } = await db.query<{ n: number }>("SELECT count(*)::int AS n FROM webhook_deliveries");
    return (rows[0]?.n ?? 0) > 100;
  });
  await main.stack.kill("postgres", "SIGKILL");
  await main.stack.restart("postgres");
  const sent = await sending;

  expect(sent).toMatchObject({ forgedTaken: 0, givenUp: 0 });
  expect(sent.acknowledged.size).toBe(500);
  expect(await compareWithKept(db, sent)).toMatchObject({ lost: 0, doubled: 0, unparsed: 0 });
});
