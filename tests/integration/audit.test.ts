import { sql } from "drizzle-orm";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createDb, type Db, inSystem, inWorkspace } from "#db/client.ts";
import { type AuditEvent, recordAudit } from "#src/platform/audit.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { seedWorkspace } from "#tests/support/seed.ts";

let database: TestDatabase;
let db: Db;
/** The owner of the database: no right and no policy binds it. */
let owner: pg.Client;
let workspaceId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb(database.url, { max: 20 });
  owner = new pg.Client({ connectionString: database.url });
  await owner.connect();
});
afterAll(async () => {
  await owner.end();
  await db.$client.end();
  await database.drop();
});
beforeEach(async () => {
  workspaceId = await seedWorkspace(database.url);
});

const event = (n: number): AuditEvent => ({
  actor: { kind: "user", id: "user-1" },
  action: "thing.changed",
  subject: { kind: "thing", id: `thing-${n}` },
  details: { n, why: "test" },
  ip: "192.0.2.1",
  correlationId: `request-${n}`,
});
const write = (n: number) => inWorkspace(db, workspaceId, (tx) => recordAudit(tx, event(n)));
const entries = async () =>
  (await owner.query("SELECT * FROM audit_entries WHERE workspace_id = $1 ORDER BY seq", [workspaceId])).rows;

describe("an entry", () => {
  it("is written with its change, or not at all", async () => {
    await write(1);
    const undone = inWorkspace(db, workspaceId, async (tx) => {
      await recordAudit(tx, event(2));
      throw new Error("the change failed");
    });
    await expect(undone).rejects.toThrow("the change failed");
    await write(3);
    expect((await entries()).map((row) => [row.seq, row.subject_id])).toEqual([
      [1, "thing-1"],
      [2, "thing-3"],
    ]);
  });

  it("follows the one before under 50 writers at once: no gap, no fork, time never goes back", async () => {
    const writers = Array.from({ length: 50 }, (_, n) => write(n));
    // Some give up half-way, as requests do.
    const failing = Array.from({ length: 10 }, () =>
      inWorkspace(db, workspaceId, async (tx) => {
        await recordAudit(tx, event(0));
        throw new Error("given up");
      }).catch(() => {}),
    );
    await Promise.all([...writers, ...failing]);
    const rows = await entries();
    expect(rows.map((row) => row.seq)).toEqual(Array.from({ length: 50 }, (_, n) => n + 1));
    expect(new Set(rows.map((row) => row.previous_hash)).size).toBe(50);
    expect(rows.slice(1).every((row, n) => row.previous_hash === rows[n].hash && row.at >= rows[n].at)).toBe(
      true,
    );
  });
});

describe("the tables", () => {
  const refused = { cause: { code: "42501" } };

  it("let the app add and read, and nothing else", async () => {
    await write(1);
    for (const statement of [
      sql`UPDATE audit_entries SET action = 'other'`,
      sql`DELETE FROM audit_entries`,
      sql`UPDATE audit_details SET details = '{}'`,
      sql`DELETE FROM audit_heads`,
      sql`UPDATE audit_heads SET anchor_seq = 0`,
    ]) {
      const change = inWorkspace(db, workspaceId, (tx) => tx.execute(statement));
      await expect(change).rejects.toMatchObject(refused);
    }
    const read = inSystem(db, (tx) => tx.execute(sql`SELECT 1 FROM audit_entries`));
    await expect(read).rejects.toMatchObject(refused);
  });

  it("refuse their owner, too", async () => {
    await write(1);
    for (const statement of [
      "UPDATE audit_entries SET action = 'other'",
      "DELETE FROM audit_entries",
      "TRUNCATE audit_entries CASCADE",
      "UPDATE audit_details SET ip = NULL",
    ])
      await expect(owner.query(statement)).rejects.toMatchObject({ code: "42501" });
    expect(await entries()).toHaveLength(1);
  });
});
