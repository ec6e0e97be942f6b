import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { readLedger } from "#tests/support/engine-crash/ledger.ts";
import { type CrashWorld, startCrashWorld, type Victim } from "#tests/support/engine-crash/world.ts";
import { eventually } from "#tests/support/eventually.ts";
import { removeFolders, withoutServiceUrls } from "#tests/support/stack-folders.ts";

const RUNS = 20;
/** Before the first wait is over: less than what was killed needs to come back. */
const ANSWERED_BEFORE_MS = 500;

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
    const numbers = Array.from({ length: RUNS }, (_, index) => from + index);
    const before = wakings().length;
    await send(numbers.map((n) => ({ name: "crash/waiter", data: { n } })));
    const firstEndMs = await eventually(async () => {
      const [row] = await world.query<{ count: number; first: number }>(
        "select count(*)::int as count, min(due_at_ms)::float8 as first from queue_item where kind = 7",
      );
      return row?.count === RUNS ? row.first : false;
    });
    await sleep(firstEndMs - ANSWERED_BEFORE_MS - Date.now());
    await send(numbers.map((n) => ({ name: "crash/answer", data: { n: from + RUNS + n, of: n } })));
    expect(Date.now(), "accepted before the first timeout").toBeLessThan(firstEndMs);
    await world.crash([victim]);
    await eventually(async () => {
      const [row] = await world.query<{ count: number }>(
        "select count(*)::int as count from run where status = 0",
      );
      return row?.count === 0;
    });
    const woken = wakings().slice(before);
    expect(new Set(woken.map((fact) => fact.run)).size).toBe(RUNS);
    expect(woken.filter((fact) => fact.with === null)).toEqual([]);
  },
);

const wakings = () => readLedger(world.ledger).filter((fact) => fact.kind === "woke");

async function send(events: object[]): Promise<void> {
  const answer = await fetch(`${world.engineUrl}/e/${world.eventKey}`, {
    method: "POST",
    body: JSON.stringify(events),
  });
  expect(answer.status).toBe(200);
}
