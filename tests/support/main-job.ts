import { join } from "node:path";
import pg from "pg";
import { vi } from "vitest";
import type { JobProgress } from "#db/queries/jobs.ts";
import { apiOf, readJob, request, uploadExport, uploadReference } from "#infra/demo/api-client.ts";
import type { LedgerReport } from "#infra/simulator/anaf/ledger.ts";
import { simulators } from "#infra/simulator/catalog.ts";
import { variableOf } from "#infra/simulator/config.ts";
import type { StackOptions } from "#infra/stack/options.ts";
import { type Stack, startStack } from "#infra/stack/stack.ts";
import { eventually } from "./eventually.ts";
import { newDataDir } from "./stack-folders.ts";

/** The whole stack for one test, and what tests ask it. Its engine is INNGEST_BASE_URL's, else the local one. */
export interface MainJob {
  stack: Stack;
  dataDir: string;
  /** Asks for a path beneath /api/v1, with the service key. */
  request: (path: string, init?: RequestInit) => Promise<Response>;
  /** Uploads an export, and what lies beside it of other registers. Answers the job's id. */
  upload: (file: string) => Promise<string>;
  job: (jobId: string) => Promise<JobProgress>;
  /** Waits for the job's end. */
  finished: (jobId: string, deadlineMs?: number) => Promise<JobProgress>;
  /** What the simulated ANAF has seen. */
  ledger: () => Promise<LedgerReport>;
  /** Asks the database as its owner: row-level security does not apply. */
  query: <Row extends pg.QueryResultRow>(statement: string, values?: unknown[]) => Promise<Row[]>;
  stop: () => Promise<void>;
}

// A whole stack on two busy cores: what hangs is told by the deadlines within the tests.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

/** Quick where the real one is slow. */
const QUICK_ANAF = { SIMULATOR_ANAF_LATENCY_MS: "300", SIMULATOR_ANAF_JITTER_MS: "50" };
const UNLIMITED = {
  SIMULATOR_ANAF_INTERVAL_MS: "0",
  ...Object.fromEntries(simulators.map(({ slug }) => [variableOf(slug, "limited"), "0"])),
};

/**
 * @param limits "on": the providers' own limits hold, so that it takes its time (one statement a second from ANAF);
 * "off", the default: neither the app nor the simulators have any
 */
export async function startMainJob({
  limits = "off",
  ...options
}: Partial<StackOptions> & { limits?: "on" | "off" } = {}): Promise<MainJob> {
  const unlimited = limits === "off";
  const dataDir = newDataDir();
  const stack = await startStack({
    dataDir,
    handleSignals: false,
    ...options,
    // A run that died with its process comes back in seconds, not minutes.
    env: {
      ...{ FIELD_RETRY_MS: "1000", OUTBOX_RESEND_MS: "2000" },
      ...(unlimited ? { PROVIDER_LIMITS: "off", WEBSITE_REQUESTS_PER_10S: "1000" } : {}),
      ...options.env,
    },
    partEnv: {
      ...options.partEnv,
      simulator: { ...QUICK_ANAF, ...(unlimited ? UNLIMITED : {}), ...options.partEnv?.simulator },
    },
  });
  const database = new pg.Pool({ connectionString: stack.env.DATABASE_URL as string, max: 2 });
  database.on("error", () => {});
  const api = apiOf(stack);
  const job = (jobId: string) => readJob(api, jobId);
  return {
    stack,
    dataDir,
    request: (path, init) => request(api, path, init),
    upload: async (file) => {
      await uploadReference(api, file);
      return (await uploadExport(api, file)).jobId;
    },
    job,
    finished: (jobId, deadlineMs = 120_000) =>
      eventually(
        async () => {
          const progress = await job(jobId);
          return progress.status === "done" || progress.status === "failed" ? progress : false;
        },
        { deadlineMs, everyMs: 200 },
      ),
    ledger: async () => {
      const answer = await fetch(`${stack.part("simulator").url}/__simulator/anaf`);
      const body = (await answer.json()) as { ledger?: LedgerReport } & LedgerReport;
      return body.ledger ?? body;
    },
    query: async (statement, values) => (await database.query(statement, values)).rows,
    stop: async () => {
      await database.end();
      await stack.stop();
    },
  };
}

export const sampleDir = (dataDir: string) => join(dataDir, "sample");
