import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createDb, type Db } from "#db/client.ts";
import type { ImportFilter } from "#db/schema/imports.ts";
import { writeSampleRegistry } from "#infra/demo/sample-registry.ts";
import { loadImport } from "#src/platform/registry-import/load.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { CNP, cuiOf, makeFolder, onrcFile, onrcRow, prepareImport } from "#tests/support/registry-files.ts";
import { seedWorkspace } from "#tests/support/seed.ts";

let database: TestDatabase;
let db: Db;
let owner: pg.Pool;
let files: Awaited<ReturnType<typeof makeFolder>>;
let workspaceId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb(database.url);
  owner = new pg.Pool({ connectionString: database.url, max: 2 });
  files = await makeFolder();
});
afterAll(async () => {
  await db?.$client.end();
  await owner?.end();
  await database?.drop();
  await files?.remove();
});
beforeEach(async () => {
  workspaceId = await seedWorkspace(database.url);
});

async function load(
  content: string | Buffer,
  more: { states?: string; activities?: string; filter?: ImportFilter } = {},
) {
  const file = await files.write(content);
  const states = more.states === undefined ? {} : { states: await files.write(more.states) };
  const activities = more.activities === undefined ? {} : { activities: await files.write(more.activities) };
  const key = await prepareImport(db, workspaceId, {
    file,
    ...states,
    ...activities,
    ...(more.filter ? { filter: more.filter } : {}),
  });
  return { ...key, counts: await loadImport(db, key) };
}

async function prospects() {
  const { rows } = await owner.query("SELECT * FROM prospects WHERE workspace_id = $1 ORDER BY line_number", [
    workspaceId,
  ]);
  return rows;
}

async function rejects(importId: string) {
  const { rows } = await owner.query(
    "SELECT line_number AS line, reason, field FROM rejected_rows WHERE import_id = $1 ORDER BY line_number",
    [importId],
  );
  return rows;
}

describe("a registry export", () => {
  it("comes in whole: what the sample says of itself is what the import counts", async () => {
    const sample = await writeSampleRegistry({ dir: files.folder, rows: 3_000, seed: 4 });
    const key = await prepareImport(db, workspaceId, {
      file: sample.file,
      states: sample.statesFile,
      activities: sample.activitiesFile,
    });
    const counts = await loadImport(db, key, { segmentRows: 400 });
    expect(counts).toEqual(sample.expected);
    const rows = await prospects();
    expect(rows).toHaveLength(3_000);
    expect(rows.filter((row) => row.activities?.length > 0)).toHaveLength(3_000);
    expect(rows.filter((row) => row.registry_state_code !== null)).toHaveLength(3_000);
    expect(rows.filter((row) => row.is_natural_person).length).toBeGreaterThan(900);
    const { rows: counted } = await owner.query(
      "SELECT rows, imported, duplicates, rejected, rejected_by, status FROM imports WHERE id = $1",
      [key.importId],
    );
    expect(counted[0]).toMatchObject({ ...countsIn(counts), status: "done" });
    expect(JSON.stringify(rows)).not.toMatch(/(?<![0-9JFC])[12][0-9]{6}99[0-9]{4}(?![0-9])/);
  });

  it("keeps each row as the register writes it, normalised", async () => {
    await load(
      onrcFile([
        onrcRow(1, {
          DENUMIRE: '  AGRO "CÂMPIA  ŞI\tLUNCA" SRL ',
          CUI: `RO ${cuiOf(1)}`,
          ADR_DEN_STRADA: "Str. C:\\Fermei",
          ADR_NR_STRADA: "5",
          WEB: " www.exemplu.ro ",
        }),
      ]),
    );
    const [row] = await prospects();
    expect(row).toMatchObject({
      line_number: 2,
      cui: Number(cuiOf(1)),
      name: 'AGRO "CÂMPIA ȘI LUNCA" SRL',
      registration_number: "J21/1/2009",
      euid: "ROONRC.J21/1/2009",
      county: "Ialomița",
      address: "Str. C:\\Fermei, nr. 5",
      website: "www.exemplu.ro",
      status: "imported",
      postal_code: null,
    });
  });

  it("changes nothing when it comes a second time", async () => {
    const content = onrcFile([onrcRow(1), onrcRow(2), onrcRow(3, { CUI: "0" })]);
    await load(content);
    const before = await prospects();
    const second = await load(content);
    expect(second.counts).toEqual({
      rows: 3,
      imported: 0,
      duplicates: 2,
      rejected: 1,
      rejectedBy: { missing_tax_id: 1 },
    });
    expect(await prospects()).toEqual(before);
    expect(await loadImport(db, second)).toEqual(second.counts);
  });

  it("takes the first row of a tax id, in the file and within a segment", async () => {
    const { counts } = await load(
      onrcFile([
        onrcRow(1, { DENUMIRE: "PRIMA" }),
        onrcRow(2),
        onrcRow(1, { DENUMIRE: "A DOUA" }),
        onrcRow(1),
      ]),
    );
    expect(counts).toMatchObject({ rows: 4, imported: 2, duplicates: 2, rejected: 0 });
    expect((await prospects())[0]?.name).toBe("PRIMA");
  });

  it("keeps workspaces apart", async () => {
    await load(onrcFile([onrcRow(1)]));
    workspaceId = await seedWorkspace(database.url);
    expect((await load(onrcFile([onrcRow(1)]))).counts).toMatchObject({ imported: 1, duplicates: 0 });
  });

  it("needs no byte order mark, no CRLF, no order of columns and no line end at the end", async () => {
    const { counts } = await load(`CUI^ADR_JUDET^DENUMIRE\n${cuiOf(1)}^Olt^UNU\n\n${cuiOf(2)}^Olt^DOI`);
    expect(counts).toMatchObject({ rows: 2, imported: 2 });
    expect((await prospects()).map((row) => [row.line_number, row.name, row.county])).toEqual([
      [2, "UNU", "Olt"],
      [4, "DOI", "Olt"],
    ]);
  });

  it("may have no rows at all", async () => {
    expect((await load(onrcFile([]))).counts).toMatchObject({ rows: 0, imported: 0, rejected: 0 });
  });
});

describe("hostile rows", () => {
  it("are rejected one by one with line, reason and field; their neighbours come in", async () => {
    const content = Buffer.concat([
      Buffer.from(
        onrcFile([
          ...[
            onrcRow(1),
            onrcRow(2, { CUI: "12345678" }),
            onrcRow(3, { CUI: CNP }),
            onrcRow(4, { DENUMIRE: "" }),
          ],
          ...[
            "UN RÂND^RUPT",
            "",
            onrcRow(5, { ADR_LOCALITATE: "Slo\0bozia" }),
            onrcRow(6, { DENUMIRE: "A\rB" }),
          ],
          ...[
            onrcRow(7, { DENUMIRE: "x".repeat(1_000_000) }),
            onrcRow(8, { ADR_DEN_STRADA: "x".repeat(2_000) }),
          ],
        ]),
      ),
      Buffer.from(`${onrcRow(9, { ADR_LOCALITATE: "X\u00ffY" })}\r\n`, "latin1"),
      Buffer.from(`${onrcRow(10)}\r\n`),
    ]);
    const { counts, importId } = await load(content);
    expect(counts).toMatchObject({ rows: 11, imported: 2, duplicates: 0, rejected: 9 });
    expect(await rejects(importId)).toEqual([
      { line: 3, reason: "invalid_check_digit", field: "tax_id" },
      { line: 4, reason: "personal_number", field: "tax_id" },
      { line: 5, reason: "missing_name", field: "name" },
      { line: 6, reason: "wrong_column_count", field: null },
      { line: 8, reason: "control_characters", field: "locality" },
      { line: 9, reason: "control_characters", field: "name" },
      { line: 10, reason: "too_long", field: null },
      { line: 11, reason: "too_long", field: "street" },
      { line: 12, reason: "invalid_encoding", field: "locality" },
    ]);
    expect((await prospects()).map((row) => row.line_number)).toEqual([2, 13]);
  });

  it("of any length cost no memory and no neighbour", async () => {
    const long = `${"x^".repeat(4_500_000)}\n`;
    const { counts } = await load(`${onrcFile([onrcRow(1)])}${long}${long}${onrcRow(2)}\r\n`);
    expect(counts).toMatchObject({ rows: 4, imported: 2, rejectedBy: { too_long: 2 } });
  });

  it("are text, whatever they would be to a database, a spreadsheet or a browser", async () => {
    const names = [
      "'; DROP TABLE prospects; --",
      "=cmd|' /C calc'!A0",
      "<script>alert(1)</script>",
      "\\N",
      "\\.",
      "\\t\\n",
      '"',
      "$1 %s {}",
    ];
    const { counts } = await load(onrcFile(names.map((name, n) => onrcRow(n, { DENUMIRE: name }))));
    expect(counts).toMatchObject({ rows: names.length, imported: names.length });
    expect((await prospects()).map((row) => row.name)).toEqual(names);
  });

  it("leave no personal number in any table, wherever and however it is written", async () => {
    const columns = [
      "DENUMIRE",
      "COD_INMATRICULARE",
      "EUID",
      "DATA_INMATRICULARE",
      "FORMA_JURIDICA",
      "ADR_JUDET",
      "ADR_LOCALITATE",
      "ADR_DEN_STRADA",
      "ADR_NR_STRADA",
      "ADR_BLOC",
      "ADR_COD_POSTAL",
      "ADR_COMPLETARE",
      "WEB",
      "TARA_FIRMA_MAMA",
    ] as const;
    const written = [
      CNP,
      `CNP${CNP}`,
      "1 800101 221144",
      "1800101-22-1144",
      "1.8.0.0.1.0.1.2.2.1.1.4.4",
      "１８００１０１２２１１４４",
      "1800101\u200b221144",
    ];
    const rows = columns.flatMap((column) => written.map((cnp) => ({ column, cnp })));
    const { importId, counts } = await load(
      onrcFile(
        rows.map(({ column, cnp }, n) => onrcRow(n, { [column]: column === "DENUMIRE" ? `II ${cnp}` : cnp })),
      ),
      {
        states: `COD_INMATRICULARE^COD\n${CNP}^1048\nJ21/1/2009^${CNP}\n`,
        activities: `COD_INMATRICULARE^COD_CAEN_AUTORIZAT^VER_CAEN_AUTORIZAT\n${CNP}^0111^2\nJ21/1/2009^${CNP}^2\n`,
      },
    );
    expect(counts).toMatchObject({ rows: rows.length, imported: rows.length });
    const { rows: kept } = await owner.query(
      `SELECT p::text AS text FROM prospects p WHERE import_id = $1
       UNION ALL SELECT i::text FROM imports i WHERE id = $1 UNION ALL SELECT r::text FROM rejected_rows r WHERE import_id = $1`,
      [importId],
    );
    const pattern = new RegExp([...CNP].join("[^0-9]{0,2}"));
    expect(kept.filter(({ text }) => pattern.test(text.normalize("NFKC")))).toEqual([]);
  });
});

describe("killed in the middle", () => {
  it("goes on where the last commit was, with exact counts", async () => {
    const sample = await writeSampleRegistry({ dir: files.folder, rows: 20_000, seed: 9 });
    const key = await prepareImport(db, workspaceId, {
      file: sample.file,
      activities: sample.activitiesFile,
    });
    for (const killAfter of [1_000, 4_000, 9_000]) {
      const child = spawn(
        process.execPath,
        [
          new URL("../support/load-import-process.ts", import.meta.url).pathname,
          database.url,
          workspaceId,
          key.importId,
          "250",
        ],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      for await (const line of createInterface({ input: child.stdout })) {
        if (Number(line) >= killAfter) child.kill("SIGKILL");
      }
      const { rows } = await owner.query("SELECT * FROM imports WHERE id = $1", [key.importId]);
      expect(rows[0].rows).toBeGreaterThanOrEqual(killAfter);
      expect(rows[0].rows).toBe(rows[0].imported + rows[0].duplicates + rows[0].rejected);
      expect(rows[0].status).toBe("loading");
    }
    expect(await loadImport(db, key)).toEqual(sample.expected);
    expect(await prospects()).toHaveLength(20_000);
    expect(await rejects(key.importId)).toHaveLength(sample.expected.rejected);
  }, 60_000);

  it("survives a connection that Postgres ends", async () => {
    const key = await prepareImport(db, workspaceId, {
      file: await files.write(onrcFile(Array.from({ length: 500 }, (_, n) => onrcRow(n)))),
    });
    let ended = false;
    const broken = loadImport(db, key, {
      segmentRows: 50,
      onProgress: async ({ rows }) => {
        if (rows < 200 || ended) return;
        ended = true;
        await owner.query(
          "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid() AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        );
      },
    });
    await expect(broken).rejects.toThrow();
    expect(await loadImport(db, key, { segmentRows: 50 })).toMatchObject({
      rows: 500,
      imported: 500,
      duplicates: 0,
    });
  });

  it("stops between two segments when it is told to", async () => {
    const key = await prepareImport(db, workspaceId, {
      file: await files.write(onrcFile(Array.from({ length: 300 }, (_, n) => onrcRow(n)))),
    });
    const stop = new AbortController();
    const stopped = loadImport(db, key, {
      segmentRows: 50,
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    await expect(stopped).rejects.toThrow(/abort/i);
    expect(await loadImport(db, key)).toMatchObject({ rows: 300, imported: 300, duplicates: 0 });
  });

  it("stops where the caller's progress refuses", async () => {
    const key = await prepareImport(db, workspaceId, {
      file: await files.write(onrcFile(Array.from({ length: 300 }, (_, n) => onrcRow(n)))),
    });
    const refused = loadImport(db, key, {
      segmentRows: 50,
      onProgress: () => Promise.reject(new Error("superseded")),
    });
    await expect(refused).rejects.toThrow("superseded");
    expect(await loadImport(db, key)).toMatchObject({ rows: 300, imported: 300, duplicates: 0 });
  });

  it("keeps out a second loader, and says so", async () => {
    const key = await prepareImport(db, workspaceId, {
      file: await files.write(onrcFile(Array.from({ length: 100 }, (_, n) => onrcRow(n)))),
    });
    let second: unknown;
    await loadImport(db, key, {
      segmentRows: 50,
      onProgress: async () => {
        second ??= await loadImport(db, key, { lockWaitMs: 100 }).catch((error: unknown) => error);
      },
    });
    expect(second).toMatchObject({ code: "import_running", message: expect.stringContaining("already") });
  });

  it("refuses for good when the file is gone or another", async () => {
    const path = await files.write(onrcFile([onrcRow(1)]));
    const key = await prepareImport(db, workspaceId, { file: path });
    await files.write(onrcFile([onrcRow(1), onrcRow(2)]), path.split("/").pop());
    await expect(loadImport(db, key)).rejects.toMatchObject({ code: "file_changed" });
    const { rows } = await owner.query("SELECT status, error_message FROM imports WHERE id = $1", [
      key.importId,
    ]);
    expect(rows[0]).toMatchObject({
      status: "failed",
      error_message: expect.stringContaining("upload it again"),
    });
    await expect(loadImport(db, { workspaceId, importId: workspaceId })).rejects.toMatchObject({
      code: "import_not_found",
    });
  });
});

describe("companion files and filters", () => {
  const states =
    "\ufeffCOD_INMATRICULARE^COD\r\nJ21/1/2009^2069\r\nJ21/1/2009^1048\r\nJ21/2/2009^1084\r\nJ21/1/2009^1048\r\nbroken\r\n";
  const activities =
    "COD_INMATRICULARE^COD_CAEN_AUTORIZAT^VER_CAEN_AUTORIZAT\r\nJ21/1/2009^0111^2\r\nJ21/1/2009^111^3\r\nJ21/1/2009^0111^2\r\nJ21/2/2009^4621^2\r\nx^y^z\r\n";
  const rows = [onrcRow(1), onrcRow(2, { ADR_JUDET: "JUDEȚUL OLT" }), onrcRow(3, { ADR_JUDET: "" })];

  it("join by registration number", async () => {
    await load(onrcFile(rows), { states, activities });
    const kept = await prospects();
    expect(kept.map((row) => row.registry_state_code)).toEqual(["1048,2069", "1084", null]);
    expect(kept[0]?.activities).toEqual([
      { code: "0111", revision: 2 },
      { code: "0111", revision: 3 },
    ]);
    expect(kept[1]?.activities).toEqual([{ code: "4621", revision: 2 }]);
    expect(kept[2]?.activities).toBeNull();
  });

  it("filter by the beginnings of CAEN codes", async () => {
    const { counts, importId } = await load(onrcFile([...rows, onrcRow(1)]), {
      activities,
      filter: { caen: ["01"] },
    });
    expect(counts).toEqual({
      rows: 4,
      imported: 1,
      duplicates: 1,
      rejected: 2,
      rejectedBy: { outside_filter: 2 },
    });
    expect(await rejects(importId)).toEqual([
      { line: 3, reason: "outside_filter", field: "caen" },
      { line: 4, reason: "outside_filter", field: "caen" },
    ]);
  });

  it("filter by county, without case and diacritics", async () => {
    const { counts, importId } = await load(onrcFile(rows), {
      filter: { counties: ["IALOMITA", "județul Olt"] },
    });
    expect(counts).toMatchObject({ imported: 2, rejectedBy: { outside_filter: 1 } });
    expect(await rejects(importId)).toEqual([{ line: 4, reason: "outside_filter", field: "county" }]);
  });
});

describe("a CSV of any maker", () => {
  it("has semicolons, quotes, line ends and delimiters in cells", async () => {
    const { counts, importId } = await load(
      [
        "Denumire;Cod Fiscal;Județ;Cod CAEN;Adresa",
        `"AGRO; ""UNU"" SRL";RO${cuiOf(1)};Ialomiţa;111;"Str. Fermei\r\nnr. 5"`,
        `AGRO DOI;${cuiOf(2)};Olt;0121;`,
        `"RUPT;${cuiOf(3)};Olt;0121;`,
        `AGRO "TREI";${cuiOf(4)};Olt;0121;x`,
        `"AGRO" PATRU;${cuiOf(5)};Olt;0121;x`,
        `AGRO CINCI;${cuiOf(6)};Olt`,
        "",
      ].join("\r\n"),
    );
    expect(counts).toMatchObject({ rows: 6, imported: 3, rejected: 3 });
    expect(
      (await prospects()).map((row) => [row.line_number, row.name, row.address, row.activities]),
    ).toEqual([
      [2, 'AGRO; "UNU" SRL', "Str. Fermei nr. 5", [{ code: "0111", revision: null }]],
      [4, "AGRO DOI", null, [{ code: "0121", revision: null }]],
      [6, 'AGRO "TREI"', "x", [{ code: "0121", revision: null }]],
    ]);
    expect(await rejects(importId)).toEqual([
      { line: 5, reason: "broken_quoting", field: null },
      { line: 7, reason: "broken_quoting", field: null },
      { line: 8, reason: "wrong_column_count", field: null },
    ]);
  });

  it("needs no more than a tax id", async () => {
    const { counts } = await load(`cui\n${cuiOf(1)}\n${cuiOf(2)}\nx\n`);
    expect(counts).toMatchObject({ rows: 3, imported: 2, rejectedBy: { invalid_tax_id: 1 } });
  });

  it("is resumed at the right byte, also behind letters of two bytes and lines in cells", async () => {
    const lines = Array.from({ length: 400 }, (_, n) => `"FERMA ȘTIUCĂ\n${n}",${cuiOf(n)},Brăila`);
    const key = await prepareImport(db, workspaceId, {
      file: await files.write(`nume,cui,judet\n${lines.join("\n")}\n`),
    });
    const stopped = loadImport(db, key, {
      segmentRows: 90,
      onProgress: () => Promise.reject(new Error("stop")),
    });
    await expect(stopped).rejects.toThrow("stop");
    expect(await loadImport(db, key, { segmentRows: 90 })).toMatchObject({ rows: 400, imported: 400 });
    const kept = await prospects();
    expect(kept.at(-1)).toMatchObject({ name: "FERMA ȘTIUCĂ 399", line_number: 800, county: "Brăila" });
  });
});

const countsIn = ({ rejectedBy, ...counts }: { rejectedBy: Record<string, number> }) => ({
  ...counts,
  rejected_by: rejectedBy,
});
