import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createDb, type Db, inWorkspace } from "#db/client.ts";
import { listSets, referenceByBlock, referenceByCui } from "#db/queries/reference.ts";
import { blockKey } from "#src/domain/matching/company-name.ts";
import { importReference } from "#src/platform/reference/import-reference.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { seedWorkspace } from "#tests/support/seed.ts";

const FIRST_PAGE = { afterId: null, limit: 100 };

let database: TestDatabase;
let db: Db;
let uploads: string;
let workspaceId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb(database.url);
  uploads = mkdtempSync(join(tmpdir(), "reference-"));
});
afterAll(async () => {
  await db.$client.end();
  await database.drop();
  rmSync(uploads, { recursive: true, force: true });
});
beforeEach(async () => {
  workspaceId = await seedWorkspace(database.url);
});

const FIXTURES = join(import.meta.dirname, "../fixtures/reference");

function load(
  dataset: "financial-statements" | "farm-payments" | "land-improvement",
  content: string | Buffer,
  part = "",
) {
  const config = { UPLOAD_DIR: uploads, MAX_UPLOAD_BYTES: 10_000_000 };
  return importReference(
    { db, config },
    { workspaceId, dataset, part, fileName: "test", body: Readable.from([Buffer.from(content)]) },
  );
}

const land =
  "\uFEFFDenumire OUAI;CUI;Judet\r\nOUAI LUNCA;14837428;Olt\r\nFOUAI DUNĂREA;;Olt\r\nOUAI X;12345678;Olt\r\n";

describe("a file of a public register", () => {
  it("comes in row by row: stored and refused ones add up", async () => {
    expect(await load("land-improvement", land)).toMatchObject({
      rows: 3,
      stored: 2,
      rejectedBy: { invalid_tax_id: 1 },
    });
    await inWorkspace(db, workspaceId, async (tx) => {
      const found = await referenceByCui(tx, "land-improvement", [14_837_428]);
      expect(found.get(14_837_428)).toMatchObject([{ name: "OUAI LUNCA", county: "Olt" }]);
      const block = blockKey("FOUAI DUNĂREA");
      expect((await referenceByBlock(tx, "land-improvement", [block])).get(block)).toHaveLength(1);
    });
    expect(readdirSync(uploads)).toEqual([]);
  });

  it("replaces the former one of its year and section, and no other", async () => {
    const header = "CUI,CAEN,I7,I10,I13,I18,I19,I20";
    await load("financial-statements", `${header}\n14837428,111,0,0,100,0,0,1\n`, "2024");
    await load("financial-statements", `${header}\n14837428,111,0,0,200,0,0,1\n`, "2025/uu");
    await load("financial-statements", `${header}\n14837428,111,0,0,250,0,0,1\n`, "2025/uv");
    await load("financial-statements", `${header}\n14837428,111,0,0,300,0,0,1\n`, "2025/uv");
    await inWorkspace(db, workspaceId, async (tx) => {
      const rows = (await referenceByCui(tx, "financial-statements", [14_837_428])).get(14_837_428);
      expect(rows).toMatchObject([
        { year: 2025, body: { turnoverRon: 300 } },
        { year: 2025, body: { turnoverRon: 200 } },
        { year: 2024, body: { turnoverRon: 100 } },
      ]);
      expect(await listSets(tx, FIRST_PAGE)).toHaveLength(3);
    });
  });

  it("that cannot be used leaves the former one in use and nothing behind", async () => {
    await load("land-improvement", land);
    await expect(load("land-improvement", "a;b\n1;2\n")).rejects.toThrow(
      "The file has no header with the columns denumire",
    );
    await expect(load("land-improvement", "")).rejects.toThrow("The file is empty");
    await expect(load("land-improvement", "%PDF-1.4 broken")).rejects.toThrow("The PDF cannot be read");
    await expect(load("land-improvement", Buffer.from([0x50, 0x4b, 3, 4, 0, 0, 0, 0]))).rejects.toThrow(
      "no Excel workbook",
    );
    await inWorkspace(db, workspaceId, async (tx) => {
      expect(await listSets(tx, FIRST_PAGE)).toMatchObject([{ status: "active", stored: 2 }]);
    });
    expect(readdirSync(uploads)).toEqual([]);
  });

  it.each(["ouai.xlsx", "ouai.pdf"])("may be %s", async (name) => {
    expect(await load("land-improvement", await readFile(join(FIXTURES, name)))).toMatchObject({
      rows: 3,
      stored: 3,
      rejectedBy: {},
    });
    const rows = await inWorkspace(db, workspaceId, async (tx) => {
      const all = await tx.execute(
        sql`SELECT name, cui::int, county, body FROM reference_rows ORDER BY line_number`,
      );
      return all.rows;
    });
    expect(rows).toMatchObject([
      { name: "OUAI LUNCA MARE", cui: 14_837_428, county: "Ialomița", body: { surfaceHa: 1_250 } },
      { name: "OUAI VALEA VERDE", cui: null, county: "Olt", body: { irrigationSystem: "Câmpia Caracal" } },
      { name: "FOUAI DUNĂREA", cui: null, county: "Teleorman", body: { organisation: "FOUAI" } },
    ]);
  });

  it("is one workspace's own", async () => {
    await load("land-improvement", land);
    workspaceId = await seedWorkspace(database.url);
    const found = await inWorkspace(db, workspaceId, (tx) =>
      referenceByCui(tx, "land-improvement", [14_837_428]),
    );
    expect(found.size).toBe(0);
  });
});
