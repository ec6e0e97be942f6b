/** The reference over a sample: BullMQ workers in processes of their own, on a Postgres and a Redis of their own. */
import { type ChildProcess, fork } from "node:child_process";
import { createReadStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { createDb } from "#db/client.ts";
import { migrate } from "#db/migrate.ts";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";
import type { SampleRegistry } from "#infra/demo/sample-registry.ts";
import { simulatedEnv } from "#infra/simulator/catalog.ts";
import { ensureDatabase } from "#infra/stack/postgres.ts";
import { removeData } from "#infra/stack/remove-data.ts";
import { type Stack, startStack } from "#infra/stack/stack.ts";
import { importReference } from "#src/platform/reference/import-reference.ts";
import { loadImport } from "#src/platform/registry-import/load.ts";
import { prepareImport } from "#tests/support/registry-files.ts";
import { TEST_SECRET_KEYS } from "#tests/support/secret-keys.ts";
import type { Measured } from "../pipeline/measured.ts";
import { startMeter } from "../pipeline/meter.ts";
import { benchFolder, databaseBytes, referenceFiles, valuesByField } from "../pipeline/ours.ts";
import { createProgress } from "../pipeline/progress.ts";
import { makeTireless, UNLIMITED } from "../pipeline/simulators.ts";
import { countStatements, topStatements } from "../pipeline/statements.ts";
import type { FromWorker, ToWorker } from "./worker.ts";

const READY_MS = 60_000;

/**
 * The whole pipeline without limits, measured.
 * @param processes that share the workers of each queue
 * @param profileDir where bullmq.txt will say what Postgres did
 */
export async function runReference(
  sample: SampleRegistry,
  processes: number,
  profileDir?: string,
): Promise<Measured> {
  const dataDir = join(benchFolder, "bullmq");
  await removeData(dataDir);
  const stack = await startStack({ dataDir, parts: ["postgres", "redis", "simulator"] });
  try {
    if (profileDir) await countStatements(stack);
    await makeTireless(stack.part("simulator").url);
    const databaseUrl = await ensureDatabase(stack.part("postgres").url, "cerniq");
    await migrate(databaseUrl);
    const db = new pg.Client({ connectionString: databaseUrl });
    await db.connect();
    const bytesBefore = await databaseBytes(db);
    const { jobId, importSeconds, prospects } = await loadSample(databaseUrl, sample, db);
    const workers = startWorkers(stack, databaseUrl, jobId, processes);
    try {
      await workers.ready;
      const figures = await measure(stack, workers, prospects);
      if (profileDir) {
        await mkdir(profileDir, { recursive: true });
        await writeFile(join(profileDir, "bullmq.txt"), `${await topStatements(stack)}\n`);
      }
      const { rows } = await db.query(
        `SELECT count(*) FILTER (WHERE status = 'enriched')::int AS enriched,
                count(*) FILTER (WHERE status = 'failed')::int AS failed FROM prospects`,
      );
      const { enriched, failed } = rows[0];
      // A row for each prospect that stands for a chunk: our queries want it, such a system would not.
      const extra = await db.query("SELECT pg_total_relation_size('chunks') AS bytes");
      const postgresBytes = (await databaseBytes(db)) - bytesBefore - Number(extra.rows[0].bytes);
      return { ...figures, importSeconds, postgresBytes, enriched, failed, values: await valuesByField(db) };
    } finally {
      await workers.stop();
      await db.end();
    }
  } finally {
    await stack.stop();
    await removeData(dataDir);
  }
}

async function measure(stack: Stack, workers: Workers, prospects: number) {
  const pidOf = (name: string) => [stack.part(name).pid ?? 0];
  const meter = await startMeter(
    {
      workers: workers.pids,
      postgres: pidOf("postgres"),
      redis: pidOf("redis"),
      simulator: pidOf("simulator"),
    },
    stack.part("redis").url,
  );
  const progress = createProgress("BullMQ", prospects);
  const startedAt = performance.now();
  workers.produce();
  while (workers.done() < prospects) {
    await sleep(100);
    workers.check();
    progress.at(workers.done());
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  return { ...(await meter.stop()), prospects, seconds, prospectsPerSecond: prospects / seconds };
}

/** Imports the sample with the importer's own code, and gives each prospect a chunk of its own. */
async function loadSample(databaseUrl: string, sample: SampleRegistry, owner: pg.Client) {
  const db = createDb(databaseUrl, { max: 2 });
  const workspaceId = DEFAULT_WORKSPACE_ID;
  try {
    const config = { UPLOAD_DIR: join(benchFolder, "bullmq", "uploads"), MAX_UPLOAD_BYTES: 4e9 };
    for (const { dataset, part, path } of referenceFiles(sample)) {
      const body = createReadStream(path);
      await importReference({ db, config }, { workspaceId, dataset, part, fileName: basename(path), body });
    }
    const startedAt = performance.now();
    const files = { file: sample.file, states: sample.statesFile, activities: sample.activitiesFile };
    const { importId, jobId } = await prepareImport(db, workspaceId, files);
    const { imported } = await loadImport(db, { workspaceId, importId });
    const importSeconds = (performance.now() - startedAt) / 1_000;
    await owner.query(
      `INSERT INTO chunks (workspace_id, job_id, seq, prospect_ids)
       SELECT workspace_id, $1, row_number() OVER (ORDER BY line_number) - 1, ARRAY[id] FROM prospects`,
      [jobId],
    );
    return { jobId, importSeconds, prospects: imported };
  } finally {
    await db.$client.end();
  }
}

interface Workers {
  pids: number[];
  ready: Promise<unknown>;
  produce: () => void;
  /** Prospects that reached their final state. */
  done: () => number;
  /** @throws Error when one has died */
  check: () => void;
  stop: () => Promise<void>;
}

function startWorkers(stack: Stack, databaseUrl: string, jobId: string, processes: number): Workers {
  const database = new URL(databaseUrl);
  // A session in one workspace: its statements need no transaction to set it.
  database.searchParams.set("options", `-c role=cerniq_app -c app.workspace_id=${DEFAULT_WORKSPACE_ID}`);
  const env = {
    PATH: process.env.PATH ?? "",
    NODE_ENV: "production",
    LOG_LEVEL: "error",
    DATABASE_URL: database.href,
    REDIS_URL: stack.part("redis").url,
    ...simulatedEnv(stack.part("simulator").url),
    ...UNLIMITED,
    WORKSPACE_ID: DEFAULT_WORKSPACE_ID,
    JOB_ID: jobId,
    PROCESSES: String(processes),
    // Read by our configuration, used by nobody here.
    INNGEST_BASE_URL: "http://127.0.0.1:9",
    INNGEST_EVENT_KEY: "none",
    INNGEST_SIGNING_KEY: "none",
    SECRET_KEYS: TEST_SECRET_KEYS,
  };
  let done = 0;
  let stopping = false;
  let died: Error | null = null;
  const children = Array.from({ length: processes }, () =>
    fork(join(import.meta.dirname, "worker.ts"), { env, stdio: ["ignore", "inherit", "inherit", "ipc"] }),
  );
  for (const child of children) {
    child.on("message", (message: FromWorker) => {
      if (message.type === "done") done += message.prospects;
    });
    child.once("exit", (code, signal) => {
      if (!stopping) died = new Error(`A worker of the reference ended with ${code ?? signal}.`);
    });
  }
  const check = () => {
    if (died) throw died;
  };
  const tell = (child: ChildProcess | undefined, message: ToWorker) => child?.send(message);
  return {
    pids: children.map(({ pid }) => pid ?? 0),
    ready: Promise.all(children.map(isReady)),
    produce: () => tell(children[0], { type: "produce" }),
    done: () => done,
    check,
    async stop() {
      stopping = true;
      await Promise.all(
        children.map(async (child) => {
          if (child.exitCode !== null || child.signalCode !== null) return;
          const gone = new Promise((resolve) => child.once("exit", resolve));
          tell(child, { type: "stop" });
          await Promise.race([gone, sleep(8_000)]);
          child.kill("SIGKILL");
          await gone;
        }),
      );
    },
  };
}

function isReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(
      () => reject(new Error("A worker of the reference is not ready after a minute.")),
      READY_MS,
    );
    child.once("exit", (code) => reject(new Error(`A worker of the reference ended with ${code}.`)));
    child.on("message", (message: FromWorker) => {
      if (message.type !== "ready") return;
      clearTimeout(late);
      resolve();
    });
  });
}
