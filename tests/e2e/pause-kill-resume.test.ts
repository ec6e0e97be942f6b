import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { PauseKind } from "#db/schema/pauses.ts";
import { writeSampleRegistry } from "#infra/demo/sample-registry.ts";
import { eventually } from "#tests/support/eventually.ts";
import { type MainJob, sampleDir, startMainJob } from "#tests/support/main-job.ts";
import { removeFolders, withoutServiceUrls } from "#tests/support/stack-folders.ts";

const CHUNKS = 15;
const FIELD = "cui-validation";
/** The field's own. */
const CONCURRENCY = 5;
const PARTS = ["app-1", "engine", "postgres"];

let main: MainJob;

beforeEach(async () => {
  withoutServiceUrls();
  main = await startMainJob({
    // ANAF's own limit, one request a second: each chunk has its turn, and the order is the ledger's.
    limits: "on",
    // Work that died with its process is given back within the test, not after a quarter of an hour.
    env: { FIELD_DEADLINE_MS: "15000" },
    // Nobody is left out and no request fails: a chunk is asked for in one request, unless its asker is killed.
    partEnv: { simulator: { SIMULATOR_ANAF_MISSING_PCT: "0", SIMULATOR_ANAF_OUTAGE_EVERY: "0" } },
  });
});
afterEach(async () => {
  await main.stop();
  vi.unstubAllEnvs();
  await removeFolders();
});

const api = async (method: string, path: string, body?: object): Promise<{ pauseId: string }> => {
  const headers = { "content-type": "application/json" };
  const answer = await main.request(path, {
    method,
    headers,
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const { data, error } = (await answer.json()) as { data: { pauseId: string }; error: unknown };
  expect(error).toBeNull();
  return data;
};

/** How the chunks of the field stand. */
async function work(): Promise<Partial<Record<string, number>>> {
  const rows = await main.query<{ status: string; chunks: number }>(
    "SELECT status, count(*)::int AS chunks FROM chunk_fields WHERE field = $1 GROUP BY status",
    [FIELD],
  );
  return Object.fromEntries(rows.map(({ status, chunks }) => [status, chunks]));
}

/** The places of the chunks in the file, in the order in which ANAF was first asked about each. */
async function firstAsked(): Promise<number[]> {
  const { firstOfEach } = (await main.ledger()).ids;
  const rows = await main.query<{ cui: number; seq: number }>(
    `SELECT p.cui::float8 AS cui, c.seq FROM chunks c JOIN prospects p ON p.id = ANY(c.prospect_ids)
     WHERE p.cui = ANY($1::bigint[])`,
    [firstOfEach],
  );
  const seqOf = new Map(rows.map(({ cui, seq }) => [cui, seq]));
  return [...new Set(firstOfEach.map((cui) => seqOf.get(cui) ?? -1))];
}

/**
 * Pairs that were asked the wrong way round. Chunks begin in order, five at once: those that are under way together may
 * overtake each other on their way to ANAF, and no others.
 */
const outOfOrder = (asked: readonly number[]): [number, number][] =>
  asked.flatMap((earlier, at) =>
    asked
      .slice(at + 1)
      .filter((later) => later <= earlier - CONCURRENCY)
      .map((later): [number, number] => [earlier, later]),
  );

async function killEverything(): Promise<void> {
  await Promise.all(PARTS.map((part) => main.stack.kill(part, "SIGKILL")));
  for (const part of PARTS.toReversed()) await main.stack.restart(part);
}

describe("pause, kill -9, start again, resume", () => {
  it("asks the same set in the same order: nothing lost, nothing twice", async () => {
    const { file } = await writeSampleRegistry({ dir: sampleDir(main.dataDir), rows: CHUNKS * 100, seed: 6 });
    const jobId = await main.upload(file);

    const rounds: { kind: PauseKind; target?: string; after: number }[] = [
      { kind: "function", target: FIELD, after: 2 },
      { kind: "provider", target: "anaf", after: 5 },
      { kind: "workspace", after: 8 },
    ];
    for (const { after, ...what } of rounds) {
      await eventually(async () => (await firstAsked()).length >= after, { deadlineMs: 90_000 });
      const { pauseId } = await api("POST", "/operations/pauses", { ...what, reason: "a test" });
      await killEverything();

      // What had begun ends; what waited, and what was given back, waits in Postgres alone.
      const waiting = await eventually(
        async () => {
          const { ready = 0, done = 0, requested = 0, running = 0 } = await work();
          return requested + running === 0 && { ready, done };
        },
        { deadlineMs: 60_000 },
      );
      expect(waiting.ready).toBeGreaterThan(0);
      expect(waiting.ready + waiting.done).toBe(CHUNKS);
      const asked = await firstAsked();
      expect(outOfOrder(asked)).toEqual([]);
      expect(asked.length).toBeLessThan(CHUNKS);

      await api("DELETE", `/operations/pauses/${pauseId}`);
    }

    const required = await eventually(
      async () => {
        const { prospects } = await main.job(jobId);
        return prospects.enriched + prospects.failed === CHUNKS * 100 && prospects;
      },
      { deadlineMs: 120_000, everyMs: 500 },
    );
    expect(required).toMatchObject({ total: CHUNKS * 100, failed: 0 });
    expect(await work()).toEqual({ done: CHUNKS });
    const asked = await firstAsked();
    expect(asked.toSorted((a, b) => a - b)).toEqual(Array.from({ length: CHUNKS }, (_, seq) => seq));
    expect(outOfOrder(asked)).toEqual([]);

    // Each company's answer is kept once; asked again is only who was in a request whose asker was killed.
    const [kept] = await main.query<{ subjects: number; snapshots: number }>(`
      SELECT count(DISTINCT subject)::int AS subjects, count(*) FILTER (WHERE status <> 'claimed')::int AS snapshots
      FROM snapshots WHERE provider = 'anaf'`);
    expect(kept).toEqual({ subjects: CHUNKS * 100, snapshots: CHUNKS * 100 });
    const { ids } = await main.ledger();
    expect(ids.asked).toBe(CHUNKS * 100);
    expect(ids.askedAgain).toBeLessThanOrEqual(rounds.length * CONCURRENCY * 100);
  }, 400_000);
});
