/** The rows of a table in a file, whatever it comes as: delimited text, an Excel workbook or the tables of a PDF. */
import { open, readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { getDocumentProxy } from "unpdf";
import { InvalidInputError } from "#src/domain/errors.ts";
import { splitCsvLine } from "../registry-import/csv-records.ts";
import { tableOfPage } from "./pdf-table.ts";
import { workbookRows } from "./workbook-rows.ts";

export interface TableRow {
  /** From 1, as the file counts; in a PDF over all pages. */
  lineNumber: number;
  cells: string[];
}

/** Workbooks and PDF documents are read whole. */
const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;
const MAX_PAGES = 2_000;

/**
 * Reads a file row by row. The kind is told by its first bytes, not by its name.
 * @throws InvalidInputError for a file that holds no table we can read
 */
export async function* tableRows(path: string): AsyncGenerator<TableRow> {
  const file = await open(path);
  const head = Buffer.alloc(8);
  let size: number;
  try {
    await file.read(head, 0, 8, 0);
    size = (await file.stat()).size;
  } finally {
    await file.close();
  }
  if (size === 0)
    throw new InvalidInputError("empty_file", "The file is empty: send it again.", { field: "file" });
  const isWorkbook = head.subarray(0, 4).equals(Buffer.from([0x50, 0x4b, 3, 4]));
  const isPdf = head.subarray(0, 4).toString("latin1") === "%PDF";
  if (!isWorkbook && !isPdf) {
    yield* textRows(path);
    return;
  }
  if (size > MAX_DOCUMENT_BYTES) {
    throw new InvalidInputError(
      "file_too_large",
      `A workbook or PDF may have ${MAX_DOCUMENT_BYTES} bytes, this has ${size}: save the table as CSV and send that.`,
      { field: "file" },
    );
  }
  yield* isWorkbook ? workbookRows(path) : pdfRows(path);
}

async function* textRows(path: string): AsyncGenerator<TableRow> {
  const file = await open(path);
  let delimiter: string | null = null;
  let lineNumber = 0;
  try {
    const lines = createInterface({
      input: file.createReadStream({ encoding: "utf8" }),
      crlfDelay: Number.POSITIVE_INFINITY,
    });
    for await (const line of lines) {
      lineNumber += 1;
      const text = lineNumber === 1 ? line.replace(/^\uFEFF/, "") : line;
      if (text.trim() === "") continue;
      delimiter ??= delimiterOf(text);
      // A line whose quotes are not closed is split as it is: it then has a wrong number of columns, and is refused.
      yield { lineNumber, cells: splitCsvLine(text, delimiter) ?? text.split(delimiter) };
    }
  } finally {
    await file.close();
  }
}

const delimiterOf = (header: string): string => {
  const counted = ["^", ";", "\t", ",", "|"].map(
    (delimiter) => [delimiter, header.split(delimiter).length] as const,
  );
  return counted.toSorted((a, b) => b[1] - a[1])[0]?.[0] ?? ",";
};

async function* pdfRows(path: string): AsyncGenerator<TableRow> {
  const document = await getDocumentProxy(new Uint8Array(await readFile(path))).catch((cause: unknown) => {
    throw new InvalidInputError(
      "unreadable_pdf",
      "The PDF cannot be read (damaged, or protected by a password): save its table as CSV and send that.",
      { field: "file", cause },
    );
  });
  try {
    let lineNumber = 0;
    let columns: number[] | null = null;
    for (let number = 1; number <= Math.min(document.numPages, MAX_PAGES); number++) {
      const page = await document.getPage(number);
      const { items } = await page.getTextContent();
      const pieces = items.flatMap((item) =>
        "str" in item
          ? [{ text: item.str, x: item.transform[4], y: item.transform[5], width: item.width }]
          : [],
      );
      const table = tableOfPage(pieces, columns);
      columns ??= table.columns;
      for (const cells of table.rows) {
        lineNumber += 1;
        yield { lineNumber, cells };
      }
      page.cleanup();
    }
    if (lineNumber === 0) {
      throw new InvalidInputError(
        "no_text_in_pdf",
        "The PDF holds no text, only pictures: type the table into a CSV and send that.",
        { field: "file" },
      );
    }
  } finally {
    await document.loadingTask.destroy();
  }
}
