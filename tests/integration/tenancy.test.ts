import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDb, type Db, inSystem, inWorkspace } from "#db/client.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { seedImportedJob, seedWorkspace } from "#tests/support/seed.ts";

let database: TestDatabase;
let db: Db;
let other: string;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb(database.url);
  other = await seedWorkspace(database.url);
  await seedImportedJob(db, 3);
});
afterAll(async () => {
  await db.$client.end();
  await database.drop();
});

const count = (workspaceId: string) =>
  inWorkspace(db, workspaceId, async (tx) => (await tx.execute(sql`SELECT 1 FROM prospects`)).rowCount);

describe("row-level security", () => {
  it("shows a workspace its own rows and no others", async () => {
    await seedImportedJob(db, 2, { workspaceId: other });
    expect(await count(other)).toBe(2);
  });

  it("shows nothing outside a workspace, also to the owner's login", async () => {
    expect((await db.execute(sql`SELECT 1 FROM prospects`)).rowCount).toBe(0);
  });

  it("refuses a row for another workspace", async () => {
    const { importId } = await seedImportedJob(db, 1, { workspaceId: other, firstCui: 5_000_000 });
    const foreign = inWorkspace(db, other, (tx) =>
      tx.execute(sql`
        INSERT INTO rejected_rows (workspace_id, import_id, line_number, reason)
        VALUES ('00000000-0000-7000-8000-000000000001', ${importId}, 1, 'test')`),
    );
    await expect(foreign).rejects.toMatchObject({ cause: { code: "42501" } });
  });

  it("forgets the workspace when the transaction ends", async () => {
    await inWorkspace(db, other, async () => {});
    expect((await db.execute(sql`SELECT current_workspace() AS id`)).rows).toEqual([{ id: null }]);
  });

  it("lets the relay's role see the outbox and nothing of the prospects", async () => {
    await inSystem(db, (tx) => tx.execute(sql`SELECT 1 FROM outbox`));
    const prospects = inSystem(db, (tx) => tx.execute(sql`SELECT 1 FROM prospects`));
    await expect(prospects).rejects.toMatchObject({ cause: { code: "42501" } });
  });
});
