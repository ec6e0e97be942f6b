/** Looks at an uploaded file before anything of it is stored: what it is, or one sentence why it cannot be used. */
import { type FileHandle, open } from "node:fs/promises";
import type { ImportFilter } from "#db/schema/imports.ts";
import { InvalidInputError } from "#src/domain/errors.ts";
import { ONRC_HEADER } from "#src/domain/registry/csv-header.ts";
import { MAX_LINE } from "#src/domain/registry/registry-row.ts";
import { ACTIVITIES, type CompanionKind, companionColumns, STATES } from "./companion-rows.ts";
import { readCsvRecord } from "./csv-records.ts";
import {
  type FileHeader,
  firstLine,
  HEAD_BYTES,
  readFileHeader,
  readHead,
  splitHeader,
} from "./file-header.ts";
import { type FileLabel, refuse } from "./refuse.ts";
import { requireText } from "./text-kind.ts";

export interface UploadedFile {
  path: string;
  /** As the caller calls it; only for messages. */
  name: string;
}

export interface InspectedUpload {
  format: "onrc" | "csv";
  delimiter: string;
  header: FileHeader;
  sizeBytes: number;
}

/**
 * Inspects an upload: the registry file and what may stand beside it, against the filter that is asked for.
 * @throws InvalidInputError one sentence: which file, what is wrong with it, what to do
 */
export async function inspectUpload(upload: {
  file: UploadedFile;
  states?: UploadedFile | null;
  activities?: UploadedFile | null;
  filter?: ImportFilter;
}): Promise<InspectedUpload> {
  const { filter = {} } = upload;
  const inspected = await inspectRegistryFile(upload.file);
  if (upload.states) await inspectCompanion(upload.states, STATES);
  if (upload.activities) await inspectCompanion(upload.activities, ACTIVITIES);

  const { columns } = inspected.header;
  if (columns.registrationNumber < 0 && (upload.states || upload.activities)) {
    throw new InvalidInputError(
      "companion_without_registration_number",
      "The files of states and activities belong to companies by registration number, and the file has no such column: add COD_INMATRICULARE, or upload it alone.",
      { field: "file" },
    );
  }
  if (filter.caen?.length && columns.caen < 0 && !upload.activities) {
    throw new InvalidInputError(
      "caen_filter_without_activities",
      "A CAEN filter needs to know the activities, and the file has no CAEN column: upload OD_CAEN_AUTORIZAT.CSV as `activities` too, or leave `caen` out.",
      { field: "caen" },
    );
  }
  if (filter.counties?.length && columns.county < 0) {
    throw new InvalidInputError(
      "county_filter_without_county",
      "A county filter needs a county column (ADR_JUDET, judet), and the file has none: add it, or leave `counties` out.",
      { field: "counties" },
    );
  }
  return inspected;
}

async function inspectRegistryFile({ path, name }: UploadedFile): Promise<InspectedUpload> {
  const label: FileLabel = { part: "file", name };
  const file = await open(path);
  try {
    const head = await readHead(file);
    requireText(head, label);
    const header = readFileHeader(head);
    if (header === null || isCutHeader(head, header)) throw headerProblem(head, label);
    if (header.format === "onrc" && header.columns.name < 0) {
      throw refuse(
        "no_name_column",
        label,
        `has no DENUMIRE column in its header: upload the register's OD_FIRME.CSV with its ${ONRC_HEADER.length} columns.`,
      );
    }
    const { size } = await file.stat();
    if (header.format === "onrc")
      await requireWholeTail(file, { size, delimiter: "^", columnCount: header.columnCount, label });
    else await requireWholeCsv(file, { size, header, label });
    return { format: header.format, delimiter: header.delimiter, header, sizeBytes: size };
  } finally {
    await file.close();
  }
}

async function inspectCompanion({ path, name }: UploadedFile, kind: CompanionKind): Promise<void> {
  const label: FileLabel = { part: kind.part, name };
  const file = await open(path);
  try {
    const head = await readHead(file);
    requireText(head, label);
    const first = firstLine(head);
    if (first === null || companionColumns(kind, first.line) === null) {
      throw refuse(
        "wrong_companion_file",
        label,
        `is not ${kind.fileName}: its header must have the columns ${kind.columns.join(", ")} with ^ between them; upload the right file as \`${kind.part}\`.`,
      );
    }
    const { size } = await file.stat();
    await requireWholeTail(file, { size, delimiter: "^", columnCount: first.line.split("^").length, label });
  } finally {
    await file.close();
  }
}

// A last line without its end and with too few columns: the copy broke off there, and rows are missing.
async function requireWholeTail(
  file: FileHandle,
  {
    size,
    delimiter,
    columnCount,
    label,
  }: { size: number; delimiter: string; columnCount: number; label: FileLabel },
): Promise<void> {
  const length = Math.min(size, MAX_LINE);
  const tail = Buffer.alloc(length);
  await file.read(tail, 0, length, size - length);
  if (tail.at(-1) === 10) return;
  const line = tail.subarray(tail.lastIndexOf(10) + 1).toString("latin1");
  const columns = line.split(delimiter).length;
  if (columns < columnCount) throw cutShort(label, columns, columnCount);
}

// Whether the last line is whole depends on the quoting of everything before it, so all of it is read once.
async function requireWholeCsv(
  file: FileHandle,
  { size, header, label }: { size: number; header: FileHeader; label: FileLabel },
): Promise<void> {
  const block = Buffer.allocUnsafe(Math.min(size, 4 * 1024 * 1024));
  let offset = header.dataOffset;
  while (offset < size) {
    const { bytesRead } = await file.read(block, 0, block.length, offset);
    if (bytesRead === 0) return;
    const text = block.toString("latin1", 0, bytesRead);
    const atEnd = offset + bytesRead >= size;
    let position = 0;
    while (position < text.length) {
      const start = position;
      const record = readCsvRecord(text, start, header.delimiter, atEnd);
      if (record.status === "incomplete") break;
      position = record.next;
      if (!atEnd || position < text.length) continue;
      requireWholeRecord(record, text.slice(start), { header, label });
    }
    // A line that fills the block: the loader rejects it, and here it is passed over.
    offset += position === 0 ? bytesRead : position;
  }
}

function requireWholeRecord(
  record: ReturnType<typeof readCsvRecord>,
  raw: string,
  { header, label }: { header: FileHeader; label: FileLabel },
): void {
  if (
    record.status === "broken" &&
    !raw.endsWith('"\n') &&
    !raw.endsWith('"\r\n') &&
    opensQuote(raw, header.delimiter)
  ) {
    throw refuse(
      "cut_short",
      label,
      "is cut short: a quote that its last line opens is never closed; export or copy it again.",
    );
  }
  if (record.status === "record" && !raw.endsWith("\n") && record.cells.length < header.columnCount) {
    throw cutShort(label, record.cells.length, header.columnCount);
  }
}

// An odd number of quotes: the last one is open.
const opensQuote = (raw: string, delimiter: string): boolean =>
  (raw.startsWith('"') || raw.includes(`${delimiter}"`)) && (raw.split('"').length - 1) % 2 === 1;

function cutShort(label: FileLabel, columns: number, expected: number): InvalidInputError {
  const has = columns === 1 ? "1 column" : `${columns} columns`;
  return refuse(
    "cut_short",
    label,
    `is cut short: its last line has no line end and ${has} of ${expected}; export or copy it again.`,
  );
}

// Nothing but the beginning of the register's header.
const isCutHeader = (head: Buffer, { format, columnCount }: FileHeader): boolean =>
  format === "onrc" && columnCount < ONRC_HEADER.length && firstLine(head)?.ended === false;

function headerProblem(head: Buffer, label: FileLabel): InvalidInputError {
  const first = firstLine(head);
  if (first === null) {
    return refuse(
      "no_header",
      label,
      `has no line end in its first ${HEAD_BYTES / 1024} KiB, so it has no header: upload a CSV whose first line names the columns.`,
    );
  }
  if (first.line.includes("\r")) {
    return refuse(
      "no_header",
      label,
      "ends its lines with CR only, so that it is all one line: save it with LF or CRLF line ends.",
    );
  }
  if (first.line.trim() === "") {
    return refuse(
      "no_header",
      label,
      "has an empty first line: its first line must name the columns; remove the lines above the header.",
    );
  }
  const names = splitHeader(first.line)[0]?.names ?? [];
  if (!first.ended && first.line.includes("^")) {
    return refuse("cut_short", label, "is cut short within its first line: export or copy it again.");
  }
  if (names.some((cell) => /^\s*(?:RO\s?)?[0-9]{2,}\s*$/i.test(cell))) {
    return refuse(
      "no_header",
      label,
      "has no header: its first line holds data; put a line above it that names the columns, one of them the tax id (CUI, CIF, cod fiscal).",
    );
  }
  if (names.length < 2 && /[\t|]/.test(first.line)) {
    return refuse(
      "unknown_delimiter",
      label,
      "separates its columns with tabs or bars: save it with commas or semicolons.",
    );
  }
  return refuse(
    "no_tax_id_column",
    label,
    "has a header without a tax-id column: name one of its columns CUI, CIF, cod fiscal, tax id or VAT.",
  );
}
