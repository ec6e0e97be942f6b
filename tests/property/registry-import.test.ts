import { writeFile } from "node:fs/promises";
import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createDb, type Db, inWorkspace } from "#db/client.ts";
import { createImport } from "#db/queries/imports.ts";
import { AppError } from "#src/domain/errors.ts";
import { cuiCheckDigit } from "#src/domain/registry/cui.ts";
import { inspectUpload } from "#src/platform/registry-import/inspect-upload.ts";
import { loadImport } from "#src/platform/registry-import/load.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { HEADER, makeFolder, onrcRow } from "#tests/support/registry-files.ts";
import { seedWorkspace } from "#tests/support/seed.ts";

let database: TestDatabase;
let db: Db;
let owner: pg.Pool;
let files: Awaited<ReturnType<typeof makeFolder>>;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb(database.url);
  owner = new pg.Pool({ connectionString: database.url, max: 1 });
  files = await makeFolder();
});
afterAll(async () => {
  await db?.$client.end();
  await owner?.end();
  await database?.drop();
  await files?.remove();
});

const validCui = fc.integer({ min: 100_000, max: 100_030 }).map((body) => `${body}${cuiCheckDigit(body)}`);
const piece = fc
  .oneof(
    fc.constantFrom(
      "^",
      "\r\n",
      "\n",
      "\r",
      '"',
      ",",
      ";",
      "\0",
      "\\",
      "\t",
      " ",
      "CNP",
      "1800101221144",
      "1 800101 221144",
      "Ș",
      "\u200b",
    ),
    validCui,
    fc.stringMatching(/^[0-9]{1,14}$/),
    fc.string({ maxLength: 12 }),
  )
  .map((text) => Buffer.from(text));
const noise = fc
  .array(
    fc.oneof({ weight: 6, arbitrary: piece }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 6 }) }),
    { maxLength: 30 },
  )
  .map((parts) => Buffer.concat(parts));
const onrcLine = fc
  .record({
    n: fc.integer({ min: 0, max: 30 }),
    CUI: validCui,
    DENUMIRE: noise,
    ADR_COMPLETARE: noise,
    COD_INMATRICULARE: noise,
  })
  .map(({ n, CUI, ...texts }) =>
    onrcRow(n, { CUI, ...mapValues(texts, (bytes) => bytes.toString("utf8").replace(/[\r\n^]/g, " ")) }),
  )
  .map((line) => Buffer.from(`${line}\r\n`));
const onrc = fc
  .array(fc.oneof(onrcLine, noise), { maxLength: 12 })
  .map((lines) => Buffer.concat([Buffer.from(`${HEADER}\r\n`), ...lines, Buffer.from("\n")]));
const csv = fc
  .array(
    fc
      .tuple(validCui, noise)
      .map(([cui, bytes]) => Buffer.concat([Buffer.from(`${cui},`), bytes, Buffer.from("\n")])),
    { maxLength: 12 },
  )
  .map((lines) => Buffer.concat([Buffer.from("cui,nume\n"), ...lines]));

it("accounts for every row of any bytes, and keeps no personal number of them", async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(onrc, csv), fc.integer({ min: 1, max: 5 }), async (bytes, segmentRows) => {
      const workspaceId = await seedWorkspace(database.url);
      const file = `${files.folder}/any.csv`;
      await writeFile(file, bytes);
      const inspected = await inspectUpload({ file: { path: file, name: "any.csv" } }).catch(
        (error: unknown) => {
          if (error instanceof AppError) return null;
          throw error;
        },
      );
      fc.pre(inspected !== null);
      const { format, delimiter, sizeBytes } = inspected as NonNullable<typeof inspected>;
      const { importId } = await inWorkspace(db, workspaceId, (tx) =>
        createImport(tx, {
          ...{ workspaceId, fileName: "any.csv", format, delimiter, filePath: file, sizeBytes, sha256: "" },
          ...{ statesPath: null, activitiesPath: null, filter: {} },
          ...{ maxCostMicros: null, maxCostMicrosPerProspect: null },
        }),
      );
      const counts = await loadImport(db, { workspaceId, importId }, { segmentRows });

      expect(counts.rows).toBe(counts.imported + counts.duplicates + counts.rejected);
      expect(Object.values(counts.rejectedBy).reduce((sum, count) => sum + count, 0)).toBe(counts.rejected);
      // In the register's format a line is a row: none may be lost.
      if (format === "onrc") expect(counts.rows).toBe(linesOf(bytes) - 1);
      const { rows } = await owner.query(
        `SELECT (SELECT count(*) FROM prospects WHERE import_id = $1)::int AS prospects,
                (SELECT count(*) FROM rejected_rows WHERE import_id = $1)::int AS rejects,
                coalesce((SELECT jsonb_agg(to_jsonb(p) - 'id' - 'workspace_id' - 'import_id' - 'created_at' - 'updated_at')
                  FROM prospects p WHERE import_id = $1), '[]') AS kept`,
        [importId],
      );
      expect(rows[0]).toMatchObject({ prospects: counts.imported, rejects: counts.rejected });
      for (const kept of rows[0].kept) {
        const { registration_number, euid, ...others } = kept;
        expect(JSON.stringify(others)).not.toMatch(/(?<![0-9])[1-9][0-9]{12}(?![0-9])/);
        expect(`${registration_number} ${euid}`).not.toContain("1800101221144");
      }
    }),
    { numRuns: 150 },
  );
}, 120_000);

const linesOf = (bytes: Buffer): number =>
  bytes
    .toString("latin1")
    .split("\n")
    .filter((line) => line !== "" && line !== "\r").length;

const mapValues = <T, U>(values: Record<string, T>, change: (value: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)]));
