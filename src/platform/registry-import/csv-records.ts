/** Records of a CSV with standard quoting, cut from a block of a file whose characters are its bytes (latin1). */
import { MAX_LINE } from "#src/domain/registry/registry-row.ts";

export type CsvRecord =
  /** `next` is where the following record starts; cells are still latin1. */
  | { status: "record"; cells: string[]; next: number; lines: number }
  /** A quote that is not closed as it should be spoils its own line only: `next` is the line below. */
  | { status: "broken"; next: number; lines: number }
  | { status: "too_long"; next: number; lines: number }
  /** The block ends before the record does. */
  | { status: "incomplete" };

/**
 * Reads the record at `start`. Cells may be quoted, with delimiters, line ends and doubled quotes inside.
 * @param atEnd whether the block ends where the file ends
 */
export function readCsvRecord(text: string, start: number, delimiter: string, atEnd: boolean): CsvRecord {
  let lineEnd = text.indexOf("\n", start);
  if (lineEnd < 0) {
    if (!atEnd) return { status: "incomplete" };
    lineEnd = text.length;
  }
  const next = Math.min(lineEnd + 1, text.length);
  if (lineEnd - start > MAX_LINE) return { status: "too_long", next, lines: 1 };
  const line = withoutReturn(text.slice(start, lineEnd));
  if (!line.includes('"')) return { status: "record", cells: line.split(delimiter), next, lines: 1 };
  return readQuoted(text, start, delimiter, atEnd) ?? { status: "broken", next, lines: 1 };
}

/** The cells of one line with standard quoting that must end on it; null when a quote is not closed there. */
export function splitCsvLine(line: string, delimiter: string): string[] | null {
  const record = readCsvRecord(line, 0, delimiter, true);
  return record.status === "record" && record.next === line.length ? record.cells : null;
}

function readQuoted(text: string, start: number, delimiter: string, atEnd: boolean): CsvRecord | null {
  const cells: string[] = [];
  let position = start;
  let lines = 1;
  // What goes on for so long is not a record that the next block will complete.
  const unfinished: CsvRecord | null =
    !atEnd && text.length - start <= MAX_LINE ? { status: "incomplete" } : null;
  for (;;) {
    if (text[position] === '"') {
      const close = closingQuote(text, position);
      if (close === null) return unfinished;
      if (close - start > MAX_LINE) return null;
      const cell = text.slice(position + 1, close).replaceAll('""', '"');
      for (let at = cell.indexOf("\n"); at >= 0; at = cell.indexOf("\n", at + 1)) lines++;
      cells.push(cell);
      position = close + 1;
      while (text[position] === " ") position++;
    } else {
      const from = position;
      while (position < text.length && text[position] !== delimiter && text[position] !== "\n") position++;
      if (position === text.length && !atEnd) return unfinished;
      cells.push(
        text[position] === delimiter ? text.slice(from, position) : withoutReturn(text.slice(from, position)),
      );
    }
    const after = text[position];
    if (after === delimiter) position++;
    else if (after === "\n") return { status: "record", cells, next: position + 1, lines };
    else if (after === "\r" && text[position + 1] === "\n")
      return { status: "record", cells, next: position + 2, lines };
    else if (position < text.length && !(after === "\r" && position + 1 === text.length)) return null;
    else return atEnd ? { status: "record", cells, next: text.length, lines } : unfinished;
  }
}

// A doubled quote is a character, not an end.
function closingQuote(text: string, open: number): number | null {
  for (let at = text.indexOf('"', open + 1); at >= 0; at = text.indexOf('"', at + 2)) {
    if (text[at + 1] !== '"') return at;
  }
  return null;
}

const withoutReturn = (text: string): string => (text.endsWith("\r") ? text.slice(0, -1) : text);
