/**
 * A job with marked credentials of a workspace's own, some of which the providers refuse and repeat: the stack's
 * databases (the engine's, with events and step results), Redis, logs, files and traces are searched for them.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { writeSampleRegistry } from "#infra/demo/sample-registry.ts";
import { createLogger } from "#src/platform/logger.ts";
import { createRedis } from "#src/platform/redis.ts";
import {
  type CanaryProvider,
  canariesFor,
  type Fate,
  findInRedis,
  findInTables,
  hasCanary,
  proved,
  startCanaryProvider,
} from "#tests/support/canaries.ts";
import { type MainJob, sampleDir, startMainJob } from "#tests/support/main-job.ts";
import { type OtlpReceiver, startOtlpReceiver } from "#tests/support/otlp-receiver.ts";
import { removeFolders, withoutServiceUrls } from "#tests/support/stack-folders.ts";

/** The others pass. Outages, for whose end a job waits, are left to tests/integration/secret-scan.test.ts. */
const FATES: Record<string, Fate> = {
  termene: "refuse",
  hunter: "refuse",
  listafirme: "oddity",
  twilio: "oddity",
};

let main: MainJob;
let provider: CanaryProvider;
let receiver: OtlpReceiver;

beforeAll(async () => {
  withoutServiceUrls();
  provider = await startCanaryProvider(() => main.stack.part("simulator").url);
  receiver = await startOtlpReceiver();
  const telemetry = {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_BSP_SCHEDULE_DELAY: "200",
  };
  const env = { ...provider.env, ...telemetry, LOG_LEVEL: "trace" };
  main = await startMainJob({ env });
});
afterAll(async () => {
  await main?.stop();
  await provider?.stop();
  await receiver?.stop();
  vi.unstubAllEnvs();
  await removeFolders();
});

test("a job leaves no trace of the credentials that it used", async () => {
  for (const definition of proved) {
    const credentials = canariesFor(definition, FATES[definition.slug] ?? "pass");
    const answer = await main.request(`/credentials/${definition.slug}`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ credentials }),
    });
    expect(answer.status).toBe(200);
    expect(hasCanary(await answer.text())).toBe(false);
  }
  const sample = await writeSampleRegistry({ dir: sampleDir(main.dataDir), rows: 150, seed: 11 });
  const jobId = await main.upload(sample.file);
  const finished = await main.finished(jobId, 180_000);
  expect(hasCanary(JSON.stringify(finished))).toBe(false);

  // What a job of this size asks for certain.
  for (const met of ["termene refuse", "listafirme oddity", "hunter refuse", "zerobounce pass"]) {
    expect(provider.met).toContain(met);
  }

  for (const database of ["cerniq", "cerniq_engine"]) {
    const url = new URL(main.stack.env.DATABASE_URL as string);
    url.pathname = `/${database}`;
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    try {
      expect(await findInTables(client), database).toEqual([]);
    } finally {
      await client.end();
    }
  }
  const redis = createRedis(main.stack.env.REDIS_URL as string, createLogger("silent"));
  expect(await findInRedis(redis)).toEqual([]);
  await redis.quit();

  // Logs, uploads, the databases' own files.
  const files = readdirSync(main.dataDir, { recursive: true, withFileTypes: true }).filter((each) =>
    each.isFile(),
  );
  const paths = files.map(({ parentPath, name }) => join(parentPath, name));
  const logs = paths.filter((path) => path.endsWith(".log"));
  expect(logs.map((path) => readFileSync(path, "utf8")).join("")).toContain("request failed");
  expect(paths.filter((path) => hasCanary(readFileSync(path, "latin1")))).toEqual([]);
  expect(receiver.spans.length).toBeGreaterThan(50);
  expect(receiver.raw.filter(hasCanary)).toEqual([]);
});
