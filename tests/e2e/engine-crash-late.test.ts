import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { ItemKind } from "#infra/engine/state/rows.ts";
import { readLedger } from "#tests/support/engine-crash/ledger.ts";
import { type CrashWorld, startCrashWorld, type Victim } from "#tests/support/engine-crash/world.ts";
import { eventually } from "#tests/support/eventually.ts";
import { removeFolders, withoutServiceUrls } from "#tests/support/stack-folders.ts";

const RUNS = 10;
/** What ends the waits comes before the first is over by less than what was killed needs to come back. */
const BEFORE_END_MS = 500;

let world: CrashWorld;

beforeAll(async () => {
  withoutServiceUrls();
  world = await startCrashWorld();
});
afterAll(async () => {
  await world?.stop();
  vi.unstubAllEnvs();
  await removeFolders();
});

test.each<[Victim, number]>([
  ["engine", 0],
  ["postgres", 1_000],
])(
  "events accepted just before %s was killed end their waits, which timed out in the meantime",
  async (victim, from) => {
    const before = readLedger(world.ledger).length;
    const numbers = await startRuns("crash/waiter", from, ItemKind.waitTimeout);
    await send(numbers.map((n) => ({ name: "crash/answer", data: { n: RUNS + n, of: n } })));
    expect(Date.now(), "accepted before the first timeout").toBeLessThan(firstEndMs);
    await world.crash([victim]);
    await allEnded();
    const facts = readLedger(world.ledger).slice(before);
    const woken = facts.filter((fact) => fact.kind === "woke");
    expect(new Set(woken.map((fact) => fact.run)).size).toBe(RUNS);
    expect(woken.filter((fact) => fact.with === null)).toEqual([]);
  },
);

test.each<[Victim, number]>([
  ["engine", 2_000],
  ["postgres", 3_000],
])(
  "runs stopped just before %s was killed do not go on, though they had slept enough in the meantime",
  async (victim, from) => {
    const before = readLedger(world.ledger).length;
    const numbers = await startRuns("crash/stoppable", from, ItemKind.sleep);
    await send(numbers.map((n) => ({ name: "crash/stop", data: { n: RUNS + n, of: n } })));
    expect(Date.now(), "accepted before the first has slept enough").toBeLessThan(firstEndMs);
    await world.crash([victim]);
    await allEnded();
    const facts = readLedger(world.ledger).slice(before);
    const ran = facts.flatMap((fact) => (fact.kind === "start" ? [fact.step] : []));
    expect(ran).toEqual(numbers.map(() => "before"));
  },
);

/** When the first of the runs goes on by itself. */
let firstEndMs: number;

/** Starts runs that wait; resolves shortly before the first of them goes on by itself, with their numbers. */
async function startRuns(name: string, from: number, kind: number): Promise<number[]> {
  const numbers = Array.from({ length: RUNS }, (_, index) => from + index);
  await send(numbers.map((n) => ({ name, data: { n } })));
  firstEndMs = await eventually(async () => {
    const [row] = await world.query<{ count: number; first: number }>(
      `select count(*)::int as count, min(due_at_ms)::float8 as first from queue_item where kind = ${kind}`,
    );
    return row?.count === RUNS ? row.first : false;
  });
  await sleep(firstEndMs - BEFORE_END_MS - Date.now());
  return numbers;
}

async function allEnded(): Promise<void> {
  await eventually(async () => {
    const [row] = await world.query<{ count: number }>(
      "select count(*)::int as count from run where status = 0",
    );
    return row?.count === 0;
  });
}

async function send(events: object[]): Promise<void> {
  const answer = await fetch(`${world.engineUrl}/e/${world.eventKey}`, {
    method: "POST",
    body: JSON.stringify(events),
  });
  expect(answer.status).toBe(200);
}
