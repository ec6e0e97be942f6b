/** Credits on a real database: whatever is asked of an account in whatever order, it does what a simple model does. */
import { randomUUID } from "node:crypto";
import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createDb, type Db, inWorkspace, type Tx } from "#db/client.ts";
import { readCreditAccount, unbalancedAccounts } from "#db/queries/credits.ts";
import { AppError } from "#src/domain/errors.ts";
import { adjustCredits, endReservations, grantCredits, reserveCredits } from "#src/platform/credits.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { seedWorkspace } from "#tests/support/seed.ts";

let database: TestDatabase;
let db: Db;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb(database.url);
});
afterAll(async () => {
  await db.$client.end();
  await database.drop();
});

/** Few names and small amounts, so that repetitions, contradictions and empty accounts are common. */
const name = fc.constantFrom("a", "b", "c", "d");
const operation = fc.oneof(
  fc.record({ kind: fc.constant("grant" as const), name, micros: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ kind: fc.constant("adjust" as const), name, micros: fc.integer({ min: -9, max: 9 }) }),
  fc.record({ kind: fc.constant("reserve" as const), name, micros: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ kind: fc.constant("end" as const), name, micros: fc.integer({ min: 0, max: 9 }) }),
);
type Operation = typeof operation extends fc.Arbitrary<infer Each> ? Each : never;

const by = "test";
function ask(tx: Tx, workspaceId: string, { kind, name, micros }: Operation): Promise<void> {
  const change = { amountMicros: micros, reference: name, by };
  if (kind === "grant") return grantCredits(tx, workspaceId, change);
  if (kind === "adjust") return adjustCredits(tx, workspaceId, change);
  if (kind === "reserve") {
    return reserveCredits(tx, workspaceId, [{ key: name, reference: name, amountMicros: micros }]);
  }
  return endReservations(tx, workspaceId, [{ key: name, costMicros: micros }]);
}

/** What the account should do, in numbers. Each answers whether the operation is accepted. */
class Model {
  balance = 0;
  reserved = 0;
  readonly done = new Map<string, number>();
  readonly ends = new Map<string, number>();

  apply({ kind, name, micros }: Operation): boolean {
    if (kind === "end") return this.end(name, micros);
    const isOpen = this.done.size > 0;
    if (kind === "reserve" && !isOpen) return true;
    if (micros === 0) return false;
    const key = `${kind} ${name}`;
    const known = this.done.get(key);
    if (known !== undefined) return known === micros;
    const moved = kind === "reserve" ? -micros : micros;
    if (this.balance + moved < 0) return false;
    this.done.set(key, micros);
    this.balance += moved;
    if (kind === "reserve") this.reserved += micros;
    return true;
  }

  private end(name: string, cost: number): boolean {
    const reserved = this.done.get(`reserve ${name}`);
    if (reserved === undefined) return true;
    const known = this.ends.get(name);
    if (known !== undefined) return known === cost;
    if (cost > reserved) return false;
    this.ends.set(name, cost);
    this.reserved -= reserved;
    this.balance += reserved - cost;
    return true;
  }
}

it("is never below zero, adds up at every moment, and does the same thing once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 25 }), async (operations) => {
      const workspaceId = await seedWorkspace(database.url);
      const model = new Model();
      for (const each of operations) {
        const expected = model.apply(each);
        const accepted = await inWorkspace(db, workspaceId, (tx) => ask(tx, workspaceId, each)).then(
          () => true,
          (error: unknown) => {
            if (error instanceof AppError) return false;
            throw error;
          },
        );
        expect(accepted, JSON.stringify(each)).toBe(expected);
        const { account, wrong } = await inWorkspace(db, workspaceId, async (tx) => ({
          account: await readCreditAccount(tx, workspaceId),
          wrong: await unbalancedAccounts(tx),
        }));
        expect(wrong).toEqual([]);
        expect(account ?? { balanceMicros: 0, reservedMicros: 0 }).toEqual({
          balanceMicros: model.balance,
          reservedMicros: model.reserved,
        });
      }
    }),
    { numRuns: 40 },
  );
}, 60_000);

it("cannot be moved but by its ledger, which cannot be changed", async () => {
  const workspaceId = await seedWorkspace(database.url);
  const inIt = <T>(work: (tx: Tx) => Promise<T>) => inWorkspace(db, workspaceId, work);
  await inIt((tx) => grantCredits(tx, workspaceId, { amountMicros: 10, reference: randomUUID(), by }));
  const statements = [
    "UPDATE credit_accounts SET balance_micros = 100",
    "INSERT INTO credit_accounts (workspace_id, balance_micros) VALUES (current_workspace(), 5)",
    "DELETE FROM credit_accounts",
    "UPDATE credit_entries SET balance_micros = 100",
    "DELETE FROM credit_entries",
  ];
  for (const statement of statements) {
    await expect(
      inIt((tx) => tx.execute(statement)),
      statement,
    ).rejects.toMatchObject({
      cause: { code: "42501" },
    });
  }
  // Not even the owner of the database moves it by mistake.
  const owner = new pg.Client({ connectionString: database.url });
  await owner.connect();
  await expect(owner.query(statements[0] as string)).rejects.toMatchObject({ code: "42501" });
  await owner.end();
});
