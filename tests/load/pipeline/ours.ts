/** Our pipeline over a sample: the local stack, one app, a registry import as in production, to the job's end. */
import { createReadStream } from "node:fs";
import { mkdir, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import Table from "cli-table3";
import pg from "pg";
import { type Api, apiOf, request, uploadExport } from "#infra/demo/api-client.ts";
import { PAYMENTS_YEAR, STATEMENTS_YEAR } from "#infra/demo/sample-reference.ts";
import type { SampleRegistry } from "#infra/demo/sample-registry.ts";
import { removeData } from "#infra/stack/remove-data.ts";
import { type Stack, startStack } from "#infra/stack/stack.ts";
import type { Measured } from "./measured.ts";
import { startMeter } from "./meter.ts";
import { createProgress } from "./progress.ts";
import { makeTireless, UNLIMITED } from "./simulators.ts";
import { countStatements, topStatements } from "./statements.ts";

export const benchFolder = join(import.meta.dirname, "../../../.local/bench");

export interface OursOptions {
  sample: SampleRegistry;
  /** "off": simulators answer at once, and nothing of ours waits for its turn. */
  limits: "on" | "off";
  /** Where the app writes a CPU profile when it ends, and ours.txt what Postgres did. */
  profileDir?: string | undefined;
}

/** The pipeline, with a job on its way. */
export interface RunningJob {
  stack: Stack;
  /** As the owner: row-level security does not apply. */
  db: pg.Client;
  jobId: string;
}

/** Starts a fresh stack, gives it the reference files, uploads the registry, and hands the job over. */
export async function withJob<T>(
  { sample, limits, profileDir }: OursOptions,
  work: (running: RunningJob) => Promise<T>,
): Promise<T> {
  const dataDir = join(benchFolder, "ours");
  await removeData(dataDir);
  const profile: Record<string, string> = profileDir
    ? { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profileDir}` }
    : {};
  const stack = await startStack({
    dataDir,
    env: { LOG_LEVEL: "warn", ...(limits === "off" ? UNLIMITED : {}), ...profile },
    partEnv: { engine: { ENGINE_LOG_LEVEL: "warn" } },
  });
  const died = new Promise<never>((_, reject) => stack.onDied(({ message }) => reject(new Error(message))));
  died.catch(() => {});
  const db = new pg.Client({ connectionString: stack.env.DATABASE_URL as string });
  try {
    if (profileDir) await countStatements(stack);
    await db.connect();
    if (limits === "off") await makeTireless(stack.part("simulator").url);
    const api = apiOf(stack);
    await uploadReference(api, sample);
    const started = (async () => {
      const { jobId } = await uploadExport(api, sample.file);
      return work({ stack, db, jobId });
    })();
    return await Promise.race([started, died]);
  } finally {
    await db.end().catch(() => {});
    await stack.stop();
    await removeData(dataDir);
  }
}

/** The whole pipeline without limits, measured. */
export function runOurs(options: OursOptions): Promise<Measured> {
  const { profileDir } = options;
  return withJob(options, async ({ stack, db, jobId }) => {
    const bytesBefore = await databaseBytes(db);
    while ((await statusOf(db, jobId)) === "queued" || (await statusOf(db, jobId)) === "importing") {
      await sleep(20);
    }
    const pidOf = (name: string) => [stack.part(name).pid ?? 0];
    const names = { app: "app-1", engine: "engine", postgres: "postgres", redis: "redis" };
    const parts = Object.entries({ ...names, simulator: "simulator" });
    const meter = await startMeter(
      Object.fromEntries(parts.map(([part, name]) => [part, pidOf(name)])),
      stack.part("redis").url,
    );
    const progress = createProgress("ours", await totalOf(db, jobId));
    while ((await statusOf(db, jobId)) === "enriching") {
      await sleep(200);
      progress.at(await finished(db, jobId));
    }
    const usage = await meter.stop();
    if (profileDir) await writeProfile(stack, db, jobId, profileDir);
    const { rows } = await db.query<Omit<Measured, keyof typeof usage | "values" | "prospectsPerSecond">>(
      `SELECT j.prospects_total AS prospects, sum(c.enriched)::int AS enriched, sum(c.failed)::int AS failed,
              extract(epoch FROM j.ended_at - (SELECT min(requested_at) FROM chunk_fields WHERE job_id = j.id))::float
                AS seconds,
              (SELECT extract(epoch FROM ended_at - created_at)::float FROM imports WHERE job_id = j.id)
                AS "importSeconds"
       FROM jobs j JOIN chunks c ON c.job_id = j.id WHERE j.id = $1 GROUP BY j.id`,
      [jobId],
    );
    const figures = rows[0] as NonNullable<(typeof rows)[0]>;
    return {
      ...figures,
      ...usage,
      prospectsPerSecond: figures.prospects / figures.seconds,
      postgresBytes: (await databaseBytes(db)) - bytesBefore,
      values: await valuesByField(db),
    };
  });
}

/** How long work on a chunk waited and took, by field; and what Postgres did. The app's CPU profile comes when it ends. */
async function writeProfile(stack: Stack, db: pg.Client, jobId: string, dir: string): Promise<void> {
  const { rows } = await db.query<Record<string, string | number>>(
    `SELECT field, count(*)::int AS chunks,
            round(avg(extract(epoch FROM started_at - requested_at) * 1000))::int AS "waited ms",
            round(avg(extract(epoch FROM ended_at - started_at) * 1000))::int AS "took ms",
            min(requested_at)::time(0) AS first, max(ended_at)::time(0) AS last
     FROM chunk_fields WHERE job_id = $1 GROUP BY field ORDER BY min(requested_at)`,
    [jobId],
  );
  const table = new Table({ head: Object.keys(rows[0] ?? {}), style: { head: [], border: [] } });
  table.push(...rows.map((row) => Object.values(row)));
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, "ours.txt"), `${table}\n${await topStatements(stack)}\n`);
}

/** How many values there are, by field and status. */
export async function valuesByField(db: pg.Client): Promise<Record<string, number>> {
  const { rows } = await db.query<{ what: string; n: number }>(
    `SELECT field || ' ' || status AS what, count(*)::int AS n FROM field_values GROUP BY 1 ORDER BY 1`,
  );
  return Object.fromEntries(rows.map(({ what, n }) => [what, n]));
}

/** Bytes of the app's and the engine's databases. */
export async function databaseBytes(db: pg.Client): Promise<number> {
  const { rows } = await db.query<{ bytes: string }>(
    `SELECT sum(pg_database_size(datname)) AS bytes FROM pg_database WHERE datname LIKE 'cerniq%'`,
  );
  return Number(rows[0]?.bytes);
}

/** The sample's files of public registers, and what they are called in the API. */
export const referenceFiles = ({ reference }: SampleRegistry) =>
  [
    { dataset: "financial-statements", part: String(STATEMENTS_YEAR), path: reference.statements },
    { dataset: "farm-payments", part: String(PAYMENTS_YEAR), path: reference.payments },
    { dataset: "land-improvement", part: "", path: reference.land },
  ] as const;

async function uploadReference(api: Api, sample: SampleRegistry): Promise<void> {
  for (const { dataset, part, path } of referenceFiles(sample)) {
    const query = new URLSearchParams({ fileName: basename(path), ...(part ? { year: part } : {}) });
    const { size } = await stat(path);
    const answer = await request(api, `/reference/${dataset}?${query}`, {
      method: "PUT",
      body: Readable.toWeb(createReadStream(path)) as ReadableStream,
      headers: { "content-length": String(size) },
      duplex: "half",
    } as RequestInit);
    if (!answer.ok) throw new Error(`${dataset} was refused: ${await answer.text()}`);
  }
}

export async function statusOf(db: pg.Client, jobId: string): Promise<string> {
  const { rows } = await db.query("SELECT status, error_message FROM jobs WHERE id = $1", [jobId]);
  if (rows[0]?.status === "failed") throw new Error(`The job has failed: ${rows[0].error_message}`);
  return rows[0]?.status;
}

export async function totalOf(db: pg.Client, jobId: string): Promise<number> {
  return (await db.query("SELECT prospects_total AS n FROM jobs WHERE id = $1", [jobId])).rows[0].n;
}

/** Prospects of chunks on which nothing is left to do. */
async function finished(db: pg.Client, jobId: string): Promise<number> {
  const { rows } = await db.query(
    `SELECT coalesce(sum(cardinality(prospect_ids)), 0)::int AS n FROM chunks WHERE job_id = $1 AND status = 'done'`,
    [jobId],
  );
  return rows[0].n;
}
