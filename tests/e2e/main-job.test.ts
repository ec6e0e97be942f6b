import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type SampleRegistry, writeSampleRegistry } from "#infra/demo/sample-registry.ts";
import { type MainJob, sampleDir, startMainJob } from "#tests/support/main-job.ts";
import { removeFolders, withoutServiceUrls } from "#tests/support/stack-folders.ts";

let main: MainJob;
let sample: SampleRegistry;

beforeAll(async () => {
  withoutServiceUrls();
  main = await startMainJob({ appReplicas: 2, limits: "on" });
  sample = await writeSampleRegistry({ dir: sampleDir(main.dataDir), rows: 430, seed: 7 });
});
afterAll(async () => {
  await main?.stop();
  vi.unstubAllEnvs();
  await removeFolders();
});

describe("the main job, with two app replicas", () => {
  let jobId: string;

  it("imports an export and brings every company to a final state", async () => {
    jobId = await main.upload(sample.file);
    const job = await main.finished(jobId);
    expect(job).toMatchObject({
      status: "done",
      error: null,
      import: { ...sample.expected },
      prospects: { total: 430, enriched: 430, failed: 0 },
      chunks: { total: 5, done: 5 },
    });
    for (const [field, counts] of Object.entries(job.fields)) {
      expect(
        counts.found + counts.notFound + counts.inReview + counts.failed + counts.skipped + counts.ineligible,
      ).toBe(430);
      if (!["cui-validation", "fiscal-status"].includes(field)) continue;
      expect(counts.found).toBeGreaterThan(380);
      expect(counts.notFound).toBeGreaterThan(0);
    }
    expect(Object.values(job.tiers).reduce((sum, count) => sum + count)).toBe(430);
    expect(job.tiers.silver).toBeGreaterThan(280);
  });

  it("never sends ANAF more than one request in any second, and asks about nobody twice", async () => {
    const ledger = await main.ledger();
    expect(ledger.ids.asked).toBe(430);
    expect(ledger.ids.askedAgain).toBe(0);
    expect(ledger.maxPerSecond).toBe(1);
    expect(ledger.minSpacingOfAllMs).toBeGreaterThanOrEqual(1000);
    expect(ledger.rateLimited).toBe(0);
  });

  it("keeps where each value comes from", async () => {
    const rows = await main.query<{ field: string; source: string; snapshots: number; values: number }>(`
      SELECT field, source, count(DISTINCT snapshot_id)::int AS snapshots, count(*)::int AS values
      FROM field_values WHERE status = 'found' AND source = 'anaf' GROUP BY field, source ORDER BY field`);
    expect(rows.map((row) => `${row.field} ${row.source}`)).toEqual([
      "cui-validation anaf",
      "fiscal-status anaf",
    ]);
    for (const row of rows) expect(row.snapshots).toBe(row.values);
  });

  it("marks every event consumed, each by one run", async () => {
    expect(await main.query("SELECT id FROM outbox WHERE consumed_at IS NULL")).toEqual([]);
    const [counted] = await main.query<{ requests: number; work: number }>(`
      SELECT (SELECT count(*)::int FROM outbox WHERE name = 'enrichment/field.requested') AS requests,
             (SELECT sum(attempt)::int FROM chunk_fields) AS work`);
    expect(counted?.requests).toBe(counted?.work);
  });

  it("changes nothing when the same file comes again", async () => {
    const before = await main.query(
      "SELECT md5(string_agg(p::text, ',' ORDER BY id)) AS sum FROM prospects p",
    );
    const again = await main.finished(await main.upload(sample.file));
    expect(again).toMatchObject({ status: "done", import: { imported: 0 }, prospects: { total: 0 } });
    const file = again.import as NonNullable<typeof again.import>;
    expect(file.duplicates + file.rejected).toBe(file.rows);
    expect(
      await main.query("SELECT md5(string_agg(p::text, ',' ORDER BY id)) AS sum FROM prospects p"),
    ).toEqual(before);
    expect((await main.ledger()).ids.askedAgain).toBe(0);
  });

  it("lists prospects a page at a time, each once, and filters", async () => {
    const seen = new Set<string>();
    let cursor: string | null = null;
    do {
      const page = await list({ limit: "200", ...(cursor ? { cursor } : {}) });
      for (const prospect of page.data) seen.add(prospect.id);
      cursor = page.meta.nextCursor;
    } while (cursor);
    expect(seen.size).toBe(430);
    const silver = await list({ tier: "silver", limit: "5" });
    expect(silver.data).toHaveLength(5);
    expect(silver.data.every((prospect) => prospect.tier === "silver")).toBe(true);
    expect((await list({ cui: String(silver.data[0]?.cui) })).data.map(({ id }) => id)).toEqual([
      silver.data[0]?.id,
    ]);
  });
});

interface Page {
  data: { id: string; tier: string; cui: number }[];
  meta: { nextCursor: string | null };
}

async function list(query: Record<string, string>): Promise<Page> {
  const answer = await main.request(`/prospects?${new URLSearchParams(query)}`);
  expect(answer.status).toBe(200);
  return (await answer.json()) as Page;
}
