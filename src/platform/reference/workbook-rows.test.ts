import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { workbookOf, zipOf } from "#tests/support/zip.ts";
import type { TableRow } from "./table-rows.ts";
import { workbookRows } from "./workbook-rows.ts";

const MIB = 1_048_576;
const LIMITS = { maxUnfoldedBytes: 16 * MIB, memoryMib: 64, timeoutMs: 20_000 };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "workbooks-"));
});
afterAll(() => rm(folder, { recursive: true }));

const cell = (place: string, text: string) => `<c r="${place}" t="inlineStr"><is><t>${text}</t></is></c>`;
const TABLE = `<row r="1">${cell("A1", "cui")}${cell("B1", "name")}</row><row r="3">${cell("A3", "1")}</row>`;

async function read(workbook: Buffer) {
  const path = join(folder, "x.xlsx");
  await writeFile(path, workbook);
  const rows: TableRow[] = [];
  for await (const row of workbookRows(path, LIMITS)) rows.push(row);
  return rows;
}
const codeOf = (workbook: Buffer) =>
  read(workbook).then(
    ({ length }) => length,
    ({ code }) => code,
  );

describe("a workbook", () => {
  it.each([
    ["as most programs write it", {}],
    ["as it is written without looking back", { streamed: true }],
  ])("%s is read, without its empty rows", async (_, sheet) => {
    expect(await read(workbookOf(TABLE, sheet))).toEqual([
      { lineNumber: 1, cells: ["cui", "name"] },
      { lineNumber: 3, cells: ["1", ""] },
    ]);
  });

  it("of many rows comes in batches, in order", async () => {
    const rows = Array.from(
      { length: 2_500 },
      (_, n) => `<row r="${n + 1}"><c r="A${n + 1}"><v>${n}</v></c></row>`,
    );
    const all = await read(workbookOf(rows.join("")));
    expect(all.map(({ cells }) => Number(cells[0]))).toEqual(Array.from({ length: 2_500 }, (_, n) => n));
  });

  it("that is none is refused", async () => {
    expect(await codeOf(zipOf([{ name: "x.txt", content: "hi" }]))).toBe("unreadable_workbook");
    expect(await codeOf(workbookOf(TABLE).subarray(0, 500))).toBe("unreadable_workbook");
  });
});

describe("a bomb", () => {
  const content = Buffer.alloc(20 * MIB, " ");

  it.each([
    ["in one part", workbookOf("", { content })],
    ["in one part that tells its size too late", workbookOf("", { content, streamed: true })],
    ["in one part that lies about its size", workbookOf("", { content, claimedBytes: 10 })],
    [
      "in many parts",
      zipOf(Array.from({ length: 30 }, (_, n) => ({ name: `${n}.xml`, content: content.subarray(0, MIB) }))),
    ],
    ["that only claims to be large", workbookOf(TABLE, { claimedBytes: 2 ** 32 - 1 })],
  ])("%s is refused", async (_, workbook) => {
    expect(workbook.length).toBeLessThan(100_000);
    expect(await codeOf(workbook)).toBe("workbook_too_large");
  });

  it("of two cells that lie far apart ends the thread that reads it, and nothing else", async () => {
    const corners = `<row r="1">${cell("A1", "cui")}</row><row r="1048576">${cell("XFD1048576", "x")}</row>`;
    expect(await codeOf(workbookOf(corners))).toBe("workbook_too_large");
  });
});
