/**
 * Rounds of kill -9 of engine, app and Postgres, at random moments and also two at once, under load.
 *
 *   npm test -- tests/e2e/engine-crash.test.ts                    few rounds, as in the whole suite
 *   CRASH_ROUNDS=50 npm test -- tests/e2e/engine-crash.test.ts    the whole
 *   TEST_SEED=<seed> …                                            the same events and kills again
 */
import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";
import { endOf, type RunRow, type StepRow } from "#tests/support/engine-crash/evidence.ts";
import { readLedger } from "#tests/support/engine-crash/ledger.ts";
import { startLoad } from "#tests/support/engine-crash/load.ts";
import { judge } from "#tests/support/engine-crash/verdict.ts";
import { type CrashWorld, startCrashWorld, type Victim } from "#tests/support/engine-crash/world.ts";
import { eventually } from "#tests/support/eventually.ts";
import { removeFolders, withoutServiceUrls } from "#tests/support/stack-folders.ts";

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 4);
const SEED = Number(process.env.TEST_SEED ?? randomInt(2 ** 31));
const VICTIMS: Victim[][] = [
  ["engine"],
  ["engine"],
  ["app"],
  ["postgres"],
  ["engine", "app"],
  ["engine", "postgres"],
  ["app", "postgres"],
];

let world: CrashWorld;

beforeEach(withoutServiceUrls);
afterEach(async () => {
  await world?.stop();
  vi.unstubAllEnvs();
});
afterAll(removeFolders);

test(`${ROUNDS} rounds of kill -9 lose no event, run no recorded step again and end every run once`, {
  timeout: 180_000 + ROUNDS * 15_000,
}, async ({ onTestFailed }) => {
  const again = `TEST_SEED=${SEED} CRASH_ROUNDS=${ROUNDS} npm test -- tests/e2e/engine-crash.test.ts`;
  onTestFailed(() => console.error(`The seed of this failure is ${SEED}: ${again}`));
  world = await startCrashWorld();
  // Two sources, because how many events fit between two kills depends on the machine.
  const load = startLoad(world, seeded(SEED));
  const chance = seeded(SEED + 1);
  const seenEnded = new Map<string, string>();
  for (let round = 0; round < ROUNDS; round++) {
    await sleep(50 + chance() * 1_200);
    await world.crash(VICTIMS[Math.floor(chance() * VICTIMS.length)] as Victim[]);
    // The first sight of an end is kept: at the end of the test it must be the same.
    for (const run of await readRuns())
      if (run.status !== 0 && !seenEnded.has(run.id)) seenEnded.set(run.id, endOf(run));
  }
  try {
    await load.stop(30_000);
    const message = `runs and queue items left; ${again}`;
    const allEnded = async () => expect(await unfinished(), message).toEqual([0, 0]);
    await eventually(allEnded, { deadlineMs: 120_000, everyMs: 250 });
  } catch (error) {
    console.error(`Left in the queue: ${JSON.stringify(await leftovers(), null, 1)}`);
    throw error;
  }
  const { problems, figures } = judge({
    sent: load.sent,
    signals: load.signals,
    facts: readLedger(world.ledger),
    kills: world.kills,
    runs: await readRuns(),
    steps: await readSteps(),
    seenEnded,
  });
  console.log(`${ROUNDS} rounds, seed ${SEED}: ${JSON.stringify(figures)}; the whole: CRASH_ROUNDS=50`);
  expect(world.died, "parts that ended by themselves").toEqual([]);
  expect(problems.slice(0, 20), `${problems.length} problems; ${again}`).toEqual([]);
  expect(figures.accepted).toBeGreaterThan(ROUNDS * 10);
});

async function unfinished(): Promise<number[]> {
  const [row] = await world.query<{ runs: number; items: number }>(
    "select (select count(*)::int from run where status = 0) as runs, (select count(*)::int from queue_item) as items",
  );
  return [row?.runs ?? -1, row?.items ?? -1];
}

/** The items that are left, with the state of their runs, and how many items the engine's memory holds. */
async function leftovers(): Promise<unknown> {
  const items = await world.query(
    `select q.run_id, q.id, f.slug, q.kind, q.attempt, q.delayed, r.status as run_status,
            to_timestamp(q.due_at_ms / 1e3) as due_at, now() as seen_at
     from queue_item q left join function f on f.id = q.fn_id left join run r on r.id = q.run_id limit 20`,
  );
  const headers = { authorization: `Bearer ${world.signingKey}` };
  const metrics = await (await fetch(`${world.engineUrl}/metrics`, { headers })).text();
  return { items, inMemory: metrics.match(/^inngest_engine_held \d+/m)?.[0] };
}

async function readRuns(): Promise<RunRow[]> {
  const rows = await world.query<RunRow & { body: string; ended: string | null }>(
    `select r.id, f.slug, r.status, r.output, r.queued_at_ms::float8 as queued_at_ms,
            r.ended_at_ms::float8 as ended_at_ms, r.parent_run_id, e.body
     from run r join function f on f.id = r.fn_id left join event e on e.internal_id = r.event_id`,
  );
  return rows.map(({ body, ...row }) => ({ ...row, event: JSON.parse(body) }));
}

async function readSteps(): Promise<StepRow[]> {
  return await world.query<StepRow>(
    `select run_id, step_id, name, memo, started_at_ms::float8 as started_at_ms, at_ms::float8 as at_ms from step`,
  );
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
