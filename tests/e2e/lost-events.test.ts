import { afterAll, expect, it, vi } from "vitest";
import { enrichmentPlan } from "#functions/registry.ts";
import { writeSampleRegistry } from "#infra/demo/sample-registry.ts";
import { freePort } from "#infra/stack/ports.ts";
import { type LossyEngine, startLossyEngine } from "#tests/support/lossy-engine.ts";
import { type MainJob, sampleDir, startMainJob } from "#tests/support/main-job.ts";
import { removeFolders, withoutServiceUrls } from "#tests/support/stack-folders.ts";

const SEED = Number(process.env.TEST_SEED ?? Date.now() % 1_000_000);
const ROWS = 400;
let main: MainJob | undefined;
let lossy: LossyEngine | undefined;

afterAll(async () => {
  await main?.stop();
  await lossy?.stop();
  vi.unstubAllEnvs();
  await removeFolders();
});

it(`events that the engine has accepted and lost all take effect, once (TEST_SEED=${SEED})`, async () => {
  withoutServiceUrls();
  const enginePort = await freePort();
  const random = mulberry32(SEED);
  // A third of what arrives is lost, also of what is sent again, but none of it three times: each loss doubles the
  // wait for the next sending, which would be minutes for an event of bad luck. The very first is certainly lost.
  let first = true;
  lossy = await startLossyEngine(`http://127.0.0.1:${enginePort}`, (_, timesSeen) => {
    const lost = first || (timesSeen < 2 && random() < 1 / 3);
    first = false;
    return lost;
  });
  main = await startMainJob({
    ports: { engine: enginePort },
    env: { INNGEST_BASE_URL: lossy.url, OUTBOX_RESEND_MS: "500" },
  });
  const { file } = await writeSampleRegistry({ dir: sampleDir(main.dataDir), rows: ROWS, seed: SEED });
  const job = await main.finished(await main.upload(file));

  expect(job).toMatchObject({ status: "done", prospects: { total: ROWS, enriched: ROWS, failed: 0 } });
  expect(lossy.dropped.length).toBeGreaterThan(5);
  // Every event that was lost came through in the end, and no work was done twice or under another attempt.
  const came = new Set(lossy.passed);
  expect(lossy.dropped.filter((id) => !came.has(id))).toEqual([]);
  const [work] = await main.query<{ attempts: number; requests: number; unconsumed: number }>(`
    SELECT (SELECT sum(attempt)::int FROM chunk_fields) AS attempts,
           (SELECT count(*)::int FROM outbox WHERE name = 'enrichment/field.requested') AS requests,
           (SELECT count(*)::int FROM outbox WHERE consumed_at IS NULL) AS unconsumed`);
  expect(work).toEqual({ attempts: work?.requests, requests: expect.any(Number), unconsumed: 0 });
  // Each chunk of a hundred is asked for by every field and stage of the plan at least once.
  expect(work?.requests).toBeGreaterThanOrEqual((ROWS / 100) * enrichmentPlan.functions.length);
  expect((await main.ledger()).ids).toMatchObject({ asked: ROWS, askedAgain: 0 });
});

/** A small seeded generator, so that a failing run can be had again. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
