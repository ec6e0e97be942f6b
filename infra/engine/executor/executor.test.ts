import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { eventually } from "#tests/support/eventually.ts";
import { loadConfig } from "../config.ts";
import { type Engine, startEngine } from "../engine.ts";
import { createLog } from "../log.ts";

/** A call as the engine makes it. */
interface Call {
  step: string;
  carried: string[];
  answer: (status: number, body: unknown) => void;
}

let owner: TestDatabase;
let database: pg.Client;
let engine: Engine;
let app: http.Server;
let calls: Call[];

/** An app without the SDK, so that each call is answered when the test says so. */
beforeEach(async () => {
  calls = [];
  app = http.createServer(async (request, response) => {
    const chunks = await request.toArray();
    const { steps } = JSON.parse(Buffer.concat(chunks).toString()) as { steps: Record<string, unknown> };
    const step = new URL(request.url ?? "", "http://app").searchParams.get("stepId") ?? "step";
    const answer: Call["answer"] = (status, body) =>
      response.writeHead(status, { "x-inngest-req-version": "2" }).end(JSON.stringify(body));
    calls.push({ step, carried: Object.keys(steps), answer });
  });
  await once(app.listen(0, "127.0.0.1"), "listening");
  owner = await createTestDatabase({ migrate: false });
  const env = { ENGINE_DATABASE_URL: owner.url, ENGINE_PORT: "0", ENGINE_RETRY_SCALE: "0.2" };
  engine = await startEngine(loadConfig(env), createLog("silent"));
  database = new pg.Client({ connectionString: owner.url, options: "-c search_path=inngest_engine" });
  await database.connect();
});
afterEach(async () => {
  await database?.end();
  await engine?.stop();
  app?.closeAllConnections();
  app?.close();
  await owner?.drop();
});

async function post(path: string, body: unknown): Promise<void> {
  const answer = await fetch(new URL(path, engine.url), { method: "POST", body: JSON.stringify(body) });
  expect(answer.status).toBe(200);
}

async function callOf(step: string, nth = 0): Promise<Call> {
  return await eventually(() => calls.filter((call) => call.step === step)[nth] ?? false);
}

test("a call carries only results that are durable", async () => {
  const url = `http://127.0.0.1:${(app.address() as AddressInfo).port}/`;
  const steps = { step: { runtime: { type: "http", url } } };
  const functions = [{ id: "app-f", triggers: [{ event: "a/b" }], steps }];
  await post("/fn/register", { url, appName: "app", functions });
  await post("/e/key", { name: "a/b" });
  const planned = (id: string) => ({ id, op: "StepPlanned", displayName: id });
  (await callOf("step")).answer(206, [planned("quick"), planned("again")]);
  const quick = await callOf("quick");
  (await callOf("again")).answer(206, [{ id: "again", op: "StepError", error: { message: "once more" } }]);
  await eventually(
    async () =>
      (await database.query("select from queue_item where id = 's:again' and attempt = 1")).rowCount === 1,
  );

  // From here on nothing that a step returns can be committed.
  await database.query("begin; lock table step in share mode");
  quick.answer(206, [{ id: "quick", op: "StepRun", data: 1 }]);
  await eventually(async () => {
    const found = await database.query(
      "select from pg_locks where not granted and relation = 'step'::regclass",
    );
    return found.rowCount === 1;
  });
  expect(calls.filter((call) => call.step === "again")).toHaveLength(1);
  const again = await callOf("again", 1);
  expect(again.carried).toEqual([]);

  await database.query("commit");
  again.answer(206, [{ id: "again", op: "StepRun", data: 2 }]);
  const last = await callOf("step", 1);
  expect(last.carried).toEqual(["again", "quick"]);
  last.answer(200, "done");
  await eventually(async () => (await database.query("select from run where status = 1")).rowCount === 1);
});
