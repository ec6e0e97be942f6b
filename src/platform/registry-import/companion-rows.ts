/** Rows of the files that stand beside OD_FIRME.CSV: states and authorised activities of companies. */
import { isUtf8 } from "node:buffer";
import { createReadStream } from "node:fs";
import { foldColumnName } from "#src/domain/registry/csv-header.ts";
import { cleanRegistrationNumber } from "#src/domain/registry/registration-number.ts";
import { MAX_LINE } from "#src/domain/registry/registry-row.ts";
import { copyText } from "./segment.ts";

/** A kind of companion file: the columns that it must have, and what a row is for us. */
export interface CompanionKind {
  /** Name of the multipart part, and how messages call the file. */
  part: "states" | "activities";
  fileName: string;
  columns: readonly string[];
  /** @returns the row in COPY's text format, null when there is nothing to take from it */
  toCopy(cells: readonly string[]): string | null;
}

export const STATES: CompanionKind = {
  part: "states",
  fileName: "OD_STARE_FIRMA.CSV",
  columns: ["COD_INMATRICULARE", "COD"],
  toCopy([registration = "", code = ""]) {
    const number = cleanRegistrationNumber(registration);
    const state = code.trim();
    if (number === null || !/^[0-9]{1,6}$/.test(state)) return null;
    return `${copyText(number)}\t${state}\n`;
  },
};

export const ACTIVITIES: CompanionKind = {
  part: "activities",
  fileName: "OD_CAEN_AUTORIZAT.CSV",
  columns: ["COD_INMATRICULARE", "COD_CAEN_AUTORIZAT", "VER_CAEN_AUTORIZAT"],
  toCopy([registration = "", caen = "", version = ""]) {
    const number = cleanRegistrationNumber(registration);
    const code = caen.trim();
    if (number === null || !/^[0-9]{3,4}$/.test(code)) return null;
    const revision = /^\s*[123]\s*$/.test(version) ? version.trim() : "null";
    return `${copyText(number)}\t{"code":"${code.padStart(4, "0")}","revision":${revision}}\n`;
  },
};

/** Where the kind's columns stand in this header; null when one of them is missing. */
export function companionColumns(kind: CompanionKind, header: string): number[] | null {
  const names = header.split("^").map(foldColumnName);
  const found = kind.columns.map((column) => names.indexOf(foldColumnName(column)));
  return found.includes(-1) ? null : found;
}

/**
 * The file's rows as COPY wants them, a block at a time. Damaged rows are left out: they add to a company, and
 * a company is not less for their absence.
 */
export async function* companionRows(kind: CompanionKind, path: string): AsyncGenerator<Buffer> {
  let columns: number[] | null = null;
  for await (const lines of linesOf(path)) {
    let block = "";
    for (const line of lines) {
      if (columns === null) {
        columns = companionColumns(kind, line.replace(/^\ufeff/, ""));
        if (columns === null) return;
        continue;
      }
      const cells = line.split("^");
      block += kind.toCopy(columns.map((index) => cells[index] ?? "")) ?? "";
    }
    if (block !== "") yield Buffer.from(block);
  }
}

async function* linesOf(path: string): AsyncGenerator<string[]> {
  let rest = Buffer.alloc(0);
  let skipping = false;
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) {
    const bytes = Buffer.concat([rest, chunk as Buffer]);
    const end = bytes.lastIndexOf(10) + 1;
    rest = bytes.subarray(end);
    const lines = decode(bytes.subarray(0, end));
    if (skipping && end > 0) {
      lines.shift();
      skipping = false;
    }
    // A line without end is no row; its beginning must not fill the memory.
    if (rest.length > MAX_LINE) {
      rest = Buffer.alloc(0);
      skipping = true;
    }
    if (lines.length > 0) yield lines;
  }
  if (rest.length > 0 && !skipping) yield decode(rest);
}

function decode(bytes: Buffer): string[] {
  const lines = bytes.toString(isUtf8(bytes) ? "utf8" : "latin1").split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
}
