/** Reads a registry file part by part, in constant memory, from any byte on. */
import { isUtf8 } from "node:buffer";
import { type FileHandle, open } from "node:fs/promises";
import { setImmediate as nextTurn } from "node:timers/promises";
import { fieldOf, MAX_LINE, type RowReading, readRegistryRow } from "#src/domain/registry/registry-row.ts";
import { hasControlCharacters } from "#src/domain/registry/text.ts";
import { readCsvRecord } from "./csv-records.ts";
import type { FileHeader } from "./file-header.ts";
import { type Segment, SegmentBuilder } from "./segment.ts";

export interface SegmentSource {
  path: string;
  header: FileHeader;
  reading: RowReading;
  /** Byte and line to start at; lines before it are done. */
  offset: number;
  line: number;
  /** Rows of a segment at most. */
  segmentRows: number;
}

/** Bytes of a segment at most: a registry row takes some 170. Well above a line's limit. */
const BLOCK_BYTES = 4 * 1024 * 1024;
/** The first segment is small, so that Postgres has something to do soon; each next one is three times as large. */
const FIRST_ROWS = 2_000;
const PIECE_BYTES = 64 * 1024;
/** Parsing gives way to everything else that this process does after this long. */
const SLICE_MS = 5;
const ROWS_BETWEEN_LOOKS = 128;

/** Every segment of the file, in order. Empty lines are nobody's row; everything else is counted. */
export async function* readSegments(source: SegmentSource): AsyncGenerator<Segment> {
  const file = await open(source.path);
  try {
    const { size } = await file.stat();
    const block = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, Math.max(size, 1)));
    let { offset, line } = source;
    let segmentRows = Math.min(FIRST_ROWS, source.segmentRows);
    while (offset < size) {
      const length = await readFully(file, block, offset, size);
      const bytes = block.subarray(0, length);
      const atEnd = offset + length >= size;
      const builder = new SegmentBuilder();
      const done =
        bytes.lastIndexOf(10) < 0 && !atEnd
          ? await skipLongLine(file, block, { offset, line, size }, builder)
          : source.header.format === "onrc"
            ? await readOnrc(bytes, line, atEnd, { ...source, segmentRows }, builder)
            : await readCsv(bytes, line, atEnd, { ...source, segmentRows }, builder);
      const segment = builder.build({ nextOffset: offset + done.bytes, nextLine: line + done.lines });
      offset = segment.nextOffset;
      line = segment.nextLine;
      yield segment;
      segmentRows = Math.min(segmentRows * 3, source.segmentRows);
    }
  } finally {
    await file.close();
  }
}

interface Done {
  bytes: number;
  lines: number;
}

// The registry's own format: a line is a row, whatever it holds. The block is decoded in small pieces, whose
// strings die young.
async function readOnrc(
  bytes: Buffer,
  firstLine: number,
  atEnd: boolean,
  source: SegmentSource,
  builder: SegmentBuilder,
): Promise<Done> {
  const length = atEnd ? bytes.length : bytes.lastIndexOf(10) + 1;
  const pause = pauses();
  const done: Done = { bytes: 0, lines: 0 };
  while (done.bytes < length && builder.rows < source.segmentRows) {
    await pause();
    const piece = bytes.subarray(done.bytes, pieceEnd(bytes, done.bytes, length));
    const part = readPiece(piece, firstLine + done.lines, source, builder);
    done.bytes += part.bytes;
    done.lines += part.lines;
  }
  return done;
}

// Whole lines of about PIECE_BYTES, or one line that is longer.
function pieceEnd(bytes: Buffer, start: number, length: number): number {
  if (length - start <= PIECE_BYTES) return length;
  const lineEnd = bytes.lastIndexOf(10, start + PIECE_BYTES - 1);
  if (lineEnd >= start) return lineEnd + 1;
  const next = bytes.indexOf(10, start);
  return next < 0 || next >= length ? length : next + 1;
}

function readPiece(
  piece: Buffer,
  firstLine: number,
  { reading, header, segmentRows }: SegmentSource,
  builder: SegmentBuilder,
): Done {
  // Broken bytes are rare: a piece is decoded at once, and line by line only where it holds some.
  const text = isUtf8(piece) ? piece.toString("utf8") : null;
  const end = text === null ? piece.length : text.length;
  let position = 0;
  let lines = 0;
  while (position < end && builder.rows < segmentRows) {
    const start = position;
    let lineEnd = text === null ? piece.indexOf(10, start) : text.indexOf("\n", start);
    if (lineEnd < 0) lineEnd = end;
    position = Math.min(lineEnd + 1, end);
    const number = firstLine + ++lines;
    if (lineEnd - start > MAX_LINE) {
      builder.reject(number, { reason: "too_long", field: null });
      continue;
    }
    const raw = text === null ? piece.subarray(start, lineEnd) : null;
    if (raw !== null && !isUtf8(raw)) {
      builder.reject(number, { reason: "invalid_encoding", field: brokenField(raw, header) });
      continue;
    }
    const line = withoutReturn(raw === null ? (text as string).slice(start, lineEnd) : raw.toString("utf8"));
    if (line === "") continue;
    const result = readRegistryRow(line.split(header.delimiter), hasControlCharacters(line), reading);
    if (result.ok) builder.add(number, result.row);
    else builder.reject(number, result);
  }
  const bytes =
    text === null ? position : position === end ? piece.length : Buffer.byteLength(text.slice(0, position));
  return { bytes, lines };
}

const withoutReturn = (line: string): string => (line.endsWith("\r") ? line.slice(0, -1) : line);

// Quoted cells may hold line ends, so a record ends where the quoting says, and byte positions must be exact:
// the block is read as latin1, one character a byte, and each record decoded for itself.
async function readCsv(
  bytes: Buffer,
  firstLine: number,
  atEnd: boolean,
  { reading, header, segmentRows }: SegmentSource,
  builder: SegmentBuilder,
): Promise<Done> {
  const text = bytes.toString("latin1");
  const pause = pauses();
  let position = 0;
  let lines = 0;
  for (let turn = 0; position < text.length && builder.rows < segmentRows; turn++) {
    if (turn % ROWS_BETWEEN_LOOKS === 0) await pause();
    const record = readCsvRecord(text, position, header.delimiter, atEnd);
    if (record.status === "incomplete") break;
    const number = firstLine + lines + 1;
    if (record.status === "broken") builder.reject(number, { reason: "broken_quoting", field: null });
    else if (record.status === "too_long") builder.reject(number, { reason: "too_long", field: null });
    else if (!(record.cells.length === 1 && record.cells[0] === "")) addRecord(record.cells, number);
    position = record.next;
    lines += record.lines;
  }
  return { bytes: position, lines };

  function addRecord(cells: string[], number: number): void {
    let damaged = false;
    for (let index = 0; index < cells.length; index++) {
      const cell = decodeCell(cells[index] as string);
      if (cell === null) {
        builder.reject(number, { reason: "invalid_encoding", field: fieldOf(reading.columns, index) });
        return;
      }
      damaged ||= hasControlCharacters(cell);
      cells[index] = cell;
    }
    const result = readRegistryRow(cells, damaged, reading);
    if (result.ok) builder.add(number, result.row);
    else builder.reject(number, result);
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: everything beyond ASCII
const NOT_ASCII = /[^\x00-\x7f]/;

function decodeCell(latin1: string): string | null {
  let cell = latin1;
  if (NOT_ASCII.test(latin1)) {
    const bytes = Buffer.from(latin1, "latin1");
    if (!isUtf8(bytes)) return null;
    cell = bytes.toString("utf8");
  }
  return cell.includes("\n") ? cell.replace(/[\r\n]+/g, " ") : cell;
}

// A line that fills a whole block: its end is looked for, and nothing of it kept.
async function skipLongLine(
  file: FileHandle,
  block: Buffer,
  { offset, line, size }: { offset: number; line: number; size: number },
  builder: SegmentBuilder,
): Promise<Done> {
  builder.reject(line + 1, { reason: "too_long", field: null });
  let position = offset;
  while (position < size) {
    const length = await readFully(file, block, position, size);
    const end = block.subarray(0, length).indexOf(10);
    if (end >= 0) return { bytes: position + end + 1 - offset, lines: 1 };
    position += length;
  }
  return { bytes: size - offset, lines: 1 };
}

function brokenField(line: Buffer, { delimiter, columns }: FileHeader): string | null {
  const cells = line.toString("latin1").split(delimiter);
  const index = cells.findIndex((cell) => !isUtf8(Buffer.from(cell, "latin1")));
  return fieldOf(columns, index);
}

async function readFully(file: FileHandle, block: Buffer, offset: number, size: number): Promise<number> {
  let length = 0;
  while (length < block.length && offset + length < size) {
    const { bytesRead } = await file.read(block, length, block.length - length, offset + length);
    if (bytesRead === 0) throw new Error("The file became shorter while it was read.");
    length += bytesRead;
  }
  return length;
}

function pauses(): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (performance.now() - since < SLICE_MS) return undefined;
    return nextTurn().then(() => {
      since = performance.now();
    });
  };
}
