/** The first line of a registry file: delimiter, columns, and where the rows start. */
import type { FileHandle } from "node:fs/promises";
import { type RegistryColumns, readHeader } from "#src/domain/registry/csv-header.ts";
import { splitCsvLine } from "./csv-records.ts";

export interface FileHeader {
  format: "onrc" | "csv";
  delimiter: string;
  columns: RegistryColumns;
  columnCount: number;
  /** Byte where the first row starts; line 2. */
  dataOffset: number;
}

/** Bytes at the start of a file that are looked at. */
export const HEAD_BYTES = 65_536;

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

export async function readHead(file: FileHandle): Promise<Buffer> {
  const head = Buffer.alloc(HEAD_BYTES);
  const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0);
  return head.subarray(0, bytesRead);
}

/** The first line without byte order mark and line end, and where the next one starts; null when it never ends. */
export function firstLine(head: Buffer): { line: string; next: number; ended: boolean } | null {
  const start = head.subarray(0, 3).equals(BOM) ? 3 : 0;
  const end = head.indexOf(10, start);
  if (end < 0 && head.length >= HEAD_BYTES) return null;
  const line = head.toString("utf8", start, end < 0 ? head.length : end);
  return { line: line.replace(/\r$/, ""), next: end < 0 ? head.length : end + 1, ended: end >= 0 };
}

/** The delimiter and the names of a header line: carets are the registry's, which knows no quoting. */
export function splitHeader(line: string): { delimiter: string; names: string[] }[] {
  if (line.includes("^")) return [{ delimiter: "^", names: line.split("^") }];
  return [";", ","]
    .map((delimiter) => ({ delimiter, names: splitCsvLine(line, delimiter) ?? [] }))
    .sort((one, other) => other.names.length - one.names.length);
}

/** Reads the header; null when none of its columns is a tax id. */
export function readFileHeader(head: Buffer): FileHeader | null {
  const first = firstLine(head);
  // A carriage return within it: all lines are this one.
  if (first === null || first.line.includes("\r")) return null;
  for (const { delimiter, names } of splitHeader(first.line)) {
    const columns = readHeader(names);
    if (columns.taxId < 0) continue;
    const format = delimiter === "^" ? "onrc" : "csv";
    return { format, delimiter, columns, columnCount: names.length, dataOffset: first.next };
  }
  return null;
}
