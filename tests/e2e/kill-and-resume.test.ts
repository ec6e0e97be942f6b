import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { writeSampleRegistry } from "#infra/demo/sample-registry.ts";
import { eventually } from "#tests/support/eventually.ts";
import { type MainJob, sampleDir, startMainJob } from "#tests/support/main-job.ts";
import { removeFolders, withoutServiceUrls } from "#tests/support/stack-folders.ts";

const COMPANIES = 500;
let main: MainJob;

beforeEach(async () => {
  withoutServiceUrls();
  main = await startMainJob({
    // An attempt that dies with its process must come back within the test, not after a quarter of an hour.
    env: { FIELD_DEADLINE_MS: "15000" },
    partEnv: { simulator: { SIMULATOR_ANAF_LATENCY_MS: "1000" } },
  });
});
afterEach(async () => {
  await main.stop();
  vi.unstubAllEnvs();
  await removeFolders();
});

describe.each(["app-1", "engine", "postgres"])("kill -9 of %s in the middle of the job", (part) => {
  it("loses nothing, asks nobody again whose answer was kept, and finishes the job", async () => {
    const { file } = await writeSampleRegistry({ dir: sampleDir(main.dataDir), rows: COMPANIES, seed: 11 });
    const jobId = await main.upload(file);

    // Once while the first answers are on their way, once when prospects are already finished.
    for (const finishedOnes of [0, 100]) {
      await eventually(
        async () => {
          const { calls } = await main.ledger();
          return calls > 0 && (await main.job(jobId)).prospects.enriched >= finishedOnes;
        },
        { deadlineMs: 60_000 },
      );
      await main.stack.kill(part, "SIGKILL");
      await main.stack.restart(part);
    }

    const job = await main.finished(jobId);
    expect(job).toMatchObject({
      status: "done",
      prospects: { total: COMPANIES, enriched: COMPANIES, failed: 0 },
    });
    for (const counts of Object.values(job.fields)) {
      expect(
        counts.found + counts.notFound + counts.inReview + counts.failed + counts.skipped + counts.ineligible,
      ).toBe(COMPANIES);
    }

    // One settled call per key, and each company's answer kept once: nothing was bought twice.
    const [settled] = await main.query<{ subjects: number; snapshots: number; open: number }>(`
      SELECT count(*) FILTER (WHERE status <> 'claimed')::int AS snapshots, count(DISTINCT subject)::int AS subjects,
             (SELECT count(*)::int FROM provider_calls WHERE status IN ('reserved', 'sending')) AS open
      FROM snapshots WHERE provider = 'anaf'`);
    expect(settled).toEqual({ subjects: COMPANIES, snapshots: COMPANIES, open: 0 });
    const ledger = await main.ledger();
    expect(ledger.ids.asked).toBe(COMPANIES);
    // Asked again is only who was in a request whose answer could not be kept: its asker, or the database, was killed.
    const lostAnswers = part === "engine" ? 0 : 2 * 5 * 100;
    expect(ledger.ids.askedAgain).toBeLessThanOrEqual(lostAnswers);
  });
});
