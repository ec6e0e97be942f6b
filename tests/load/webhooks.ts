/**
 * `npm run bench:webhooks`: webhooks that come in, from three simulated providers with their bad habits, at a constant
 * rate (an open loop: latency counts from the instant at which each was due), against the whole local stack. Afterwards
 * the ids that were sent and answered 200 are compared with what is stored and with what was made of it.
 *
 *   node tests/load/webhooks.ts [--rate 500] [--seconds 60] [--restart-postgres] [--json PATH]
 *
 * `--restart-postgres`: kill -9 of Postgres in the middle. What is answered 503 then is sent again; what is answered 200
 * must not be lost. Exit code 1: something was lost, doubled or taken wrongly, or (without the restart) the 99th
 * percentile is not below 100 ms.
 */
import { writeFile } from "node:fs/promises";
import { availableParallelism, cpus, loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import pg from "pg";
import { apiOf } from "#infra/demo/api-client.ts";
import { removeData } from "#infra/stack/remove-data.ts";
import { type Stack, startStack } from "#infra/stack/stack.ts";
import { compareWithKept, expectAll, quantile, sendAtRate } from "#tests/support/webhook-load.ts";
import { cpuOfFamily } from "./processes.ts";

const { values: options } = parseArgs({
  options: {
    rate: { type: "string", default: "500" },
    seconds: { type: "string", default: "60" },
    "restart-postgres": { type: "boolean", default: false },
    json: { type: "string" },
  },
});
const load = { perSecond: Number(options.rate), seconds: Number(options.seconds) };
const restarts = options["restart-postgres"];
const TARGET_P99_MS = 100;
const PARTS = ["app-1", "engine", "postgres"];

const dataDir = join(import.meta.dirname, "../../.local/bench/webhooks");
await removeData(dataDir);
const stack = await startStack({ dataDir, env: { LOG_LEVEL: "error" } });
try {
  await measure(stack);
} finally {
  await stack.stop();
  await removeData(dataDir);
}

async function measure({ env, part, kill, restart }: Stack): Promise<void> {
  const db = new pg.Pool({ connectionString: env.DATABASE_URL as string, max: 1 });
  db.on("error", () => {});
  const senders = await expectAll(apiOf({ env }));
  // Compiles what there is to compile, on both sides.
  await sendAtRate(senders, { perSecond: 100, seconds: 3, seed: "warm-up" });
  await compareWithKept(db, { acknowledged: new Set() } as never);
  await db.query("TRUNCATE webhook_deliveries, inbound_events, outbox CASCADE");

  const cpu = () => PARTS.map((name) => cpuOfFamily(part(name).pid ?? 0) ?? 0);
  const before = cpu();
  const down = restarts ? killInTheMiddle({ kill, restart }) : Promise.resolve(0);
  const sent = await sendAtRate(senders, { ...load, seed: "bench" });
  const after = cpu();
  const kept = await compareWithKept(db, sent);
  await db.end();
  const figures = {
    perSecond: load.perSecond,
    seconds: load.seconds,
    restartPostgres: restarts,
    postgresDownMs: await down,
    cpu: `${availableParallelism()} x ${cpus()[0]?.model ?? "unknown"}`,
    loadAverage: Number((loadavg()[0] ?? 0).toFixed(1)),
    requests: sent.requests,
    requestsPerSecond: Math.round(sent.requests / sent.seconds),
    answers: sent.answers,
    acknowledged: sent.acknowledged.size,
    p50Ms: Math.round(quantile(sent.latenciesMs, 0.5)),
    p99Ms: Math.round(quantile(sent.latenciesMs, 0.99)),
    maxMs: Math.round(quantile(sent.latenciesMs, 1)),
    // A new Postgres is another process: its share is not known then.
    coresUsed: Object.fromEntries(
      PARTS.map((name, index) => [
        name,
        restarts && name === "postgres"
          ? null
          : Number((((after[index] ?? 0) - (before[index] ?? 0)) / sent.seconds).toFixed(2)),
      ]),
    ),
    forgedTaken: sent.forgedTaken,
    givenUp: sent.givenUp,
    ...kept,
  };
  console.log(JSON.stringify(figures, null, 2));
  if (options.json) await writeFile(options.json, `${JSON.stringify(figures, null, 2)}\n`);
  const wrong = figures.lost + figures.doubled + figures.unparsed + figures.forgedTaken + figures.givenUp;
  if (wrong > 0 || (!restarts && figures.p99Ms >= TARGET_P99_MS)) process.exitCode = 1;
}

/** Answers for how long it was down, in ms. */
async function killInTheMiddle({ kill, restart }: Pick<Stack, "kill" | "restart">): Promise<number> {
  await sleep((load.seconds * 1_000) / 2);
  const startedAt = performance.now();
  await kill("postgres", "SIGKILL");
  await restart("postgres");
  return Math.round(performance.now() - startedAt);
}
