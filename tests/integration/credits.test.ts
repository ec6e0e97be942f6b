/** Credits when much happens at once, and much of it goes wrong. */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDb, type Db, inWorkspace, type Tx } from "#db/client.ts";
import { unbalancedAccounts } from "#db/queries/credits.ts";
import { AppError } from "#src/domain/errors.ts";
import { endReservations, grantCredits, reserveCredits } from "#src/platform/credits.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { seedWorkspace } from "#tests/support/seed.ts";

const OPERATIONS = 10_000;
const CONNECTIONS = 24;
const ACCOUNTS = 4;
const SEED = Number(process.env.CREDITS_SEED ?? Math.floor(Math.random() * 2 ** 31));

let database: TestDatabase;
let db: Db;
let owner: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb(database.url, { max: CONNECTIONS });
  owner = new pg.Client({ connectionString: database.url });
  await owner.connect();
});
afterAll(async () => {
  await db.$client.end();
  await owner.end();
  await database.drop();
});

/** Mulberry32: numbers from 0 to 1, the same for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Reservation {
  workspaceId: string;
  key: string;
  amountMicros: number;
}

class Aborted extends Error {}

describe(`10,000 operations on ${ACCOUNTS} accounts over ${CONNECTIONS} connections, seed ${SEED}`, () => {
  const random = randomFrom(SEED);
  const upTo = (most: number) => 1 + Math.floor(random() * most);
  const oneOf = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T;

  /** What has been confirmed: key of each entry that must be in the ledger, with what it added to the balance. */
  const confirmed = new Map<string, number>();
  const open = new Map<string, Reservation>();
  const counts = { done: 0, refused: 0, aborted: 0, cut: 0 };
  let workspaces: string[] = [];

  /**
   * One operation until it is known what became of it: where the connection was lost, perhaps after the commit, it is
   * asked again. True: it is done.
   */
  async function operate(workspaceId: string, work: (tx: Tx) => Promise<void>): Promise<boolean> {
    const abort = random() < 0.05;
    for (;;) {
      try {
        await inWorkspace(db, workspaceId, async (tx) => {
          await work(tx);
          if (abort) throw new Aborted();
        });
        counts.done++;
        return true;
      } catch (error) {
        if (error instanceof Aborted) counts.aborted++;
        else if (error instanceof AppError) counts.refused++;
        else {
          counts.cut++;
          continue;
        }
        return false;
      }
    }
  }

  async function grant(number: number): Promise<void> {
    const workspaceId = oneOf(workspaces);
    const change = { amountMicros: upTo(2_000), reference: `grant-${number}`, by: "test" };
    if (await operate(workspaceId, (tx) => grantCredits(tx, workspaceId, change))) {
      confirmed.set(`${workspaceId} grant:${change.reference}`, change.amountMicros);
    }
  }

  async function reserve(number: number): Promise<void> {
    const workspaceId = oneOf(workspaces);
    // Several at once, as the calls of one lookup.
    const wanted = Array.from({ length: upTo(3) }, (_, index) => ({
      key: `call-${number}-${index}`,
      reference: `call ${number}`,
      amountMicros: upTo(500),
    }));
    if (!(await operate(workspaceId, (tx) => reserveCredits(tx, workspaceId, wanted)))) return;
    for (const { key, amountMicros } of wanted) {
      confirmed.set(`${workspaceId} ${key}`, -amountMicros);
      open.set(`${workspaceId} ${key}`, { workspaceId, key, amountMicros });
    }
  }

  /** Two may end the same reservation at once, and differently: then one of them is refused. */
  async function end(refund: boolean): Promise<void> {
    const name = oneOf([...open.keys()]);
    const reservation = open.get(name);
    if (!reservation) return;
    const { workspaceId, key, amountMicros } = reservation;
    const costMicros = refund ? 0 : upTo(amountMicros + 20);
    const ended = await operate(workspaceId, (tx) => endReservations(tx, workspaceId, [{ key, costMicros }]));
    if (!ended) return;
    confirmed.set(`${name}:end`, amountMicros - costMicros);
    open.delete(name);
  }

  async function worker(numbers: Iterator<number>): Promise<void> {
    for (let next = numbers.next(); !next.done; next = numbers.next()) {
      const dice = random();
      if (dice < 0.15) await grant(next.value);
      else if (dice < 0.55) await reserve(next.value);
      else await end(dice > 0.85);
    }
  }

  /** Ends a connection of ours, whatever it is doing; and looks, now and then, whether the books are right just then. */
  async function disturb(until: () => boolean): Promise<void> {
    for (let turn = 0; !until(); turn++) {
      await owner.query(`
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'cerniq' AND state <> 'idle'
        ORDER BY md5(pid::text || now()::text) LIMIT 1`);
      if (turn % 10 === 0) {
        const { rows } = await owner.query(`
          SELECT a.workspace_id FROM credit_accounts a JOIN credit_entries e USING (workspace_id)
          GROUP BY a.workspace_id HAVING (a.balance_micros, a.reserved_micros)
            <> (sum(e.balance_micros), sum(e.reserved_micros))`);
        expect(rows).toEqual([]);
      }
      await sleep(100);
    }
  }

  it("leave every account with what its ledger says, and the ledger with what was done, once", async () => {
    workspaces = await Promise.all(Array.from({ length: ACCOUNTS }, () => seedWorkspace(database.url)));
    // Without an account a reservation would reserve nothing.
    for (const workspaceId of workspaces) {
      const first = { amountMicros: 1, reference: "first", by: "test" };
      await inWorkspace(db, workspaceId, (tx) => grantCredits(tx, workspaceId, first));
      confirmed.set(`${workspaceId} grant:first`, 1);
    }
    const numbers = Array.from({ length: OPERATIONS }, (_, number) => number).values();
    let finished = false;
    const disturbed = disturb(() => finished);
    try {
      await Promise.all(Array.from({ length: CONNECTIONS }, () => worker(numbers)));
    } finally {
      finished = true;
      await disturbed;
    }
    // Each kind of mishap has happened.
    expect(Math.min(...Object.values(counts)), JSON.stringify(counts)).toBeGreaterThan(10);

    const { rows } = await owner.query<{ name: string; balance: number }>(
      "SELECT workspace_id || ' ' || idempotency_key AS name, balance_micros AS balance FROM credit_entries",
    );
    expect(new Map(rows.map(({ name, balance }) => [name, balance]))).toEqual(confirmed);
    for (const workspaceId of workspaces) {
      const { rows: accounts } = await owner.query<{ balance: number; reserved: number }>(
        "SELECT balance_micros AS balance, reserved_micros AS reserved FROM credit_accounts WHERE workspace_id = $1",
        [workspaceId],
      );
      const mine = [...confirmed].filter(([name]) => name.startsWith(workspaceId));
      const stillOpen = [...open.values()].filter((each) => each.workspaceId === workspaceId);
      expect(accounts).toEqual([
        {
          balance: mine.reduce((sum, [, micros]) => sum + micros, 0),
          reserved: stillOpen.reduce((sum, { amountMicros }) => sum + amountMicros, 0),
        },
      ]);
      expect(accounts[0]?.balance).toBeGreaterThanOrEqual(0);
      expect(await inWorkspace(db, workspaceId, unbalancedAccounts)).toEqual([]);
      // What is reserved can all be explained: it ends.
      const ends = stillOpen.map(({ key }) => ({ key, costMicros: 0 }));
      await inWorkspace(db, workspaceId, (tx) => endReservations(tx, workspaceId, ends));
    }
    const { rows: left } = await owner.query(
      "SELECT 1 FROM credit_accounts WHERE reserved_micros <> 0 OR balance_micros < 0",
    );
    expect(left).toEqual([]);
  }, 120_000);
});
