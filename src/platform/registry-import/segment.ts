/** One part of a file, parsed: what COPY gets, and what became of each row. */
import type { RegistryRow, RowReject } from "#src/domain/registry/registry-row.ts";

export interface Segment {
  /** Rows for the staging table, in COPY's text format. */
  staged: Buffer[];
  stagedRows: number;
  /** Rejected rows in the same format: line, reason, field. */
  rejects: Buffer[];
  rejected: number;
  rejectedBy: Record<string, number>;
  rows: number;
  /** Where the next segment starts: byte, and how many lines stand before it. */
  nextOffset: number;
  nextLine: number;
}

/** Columns of the staging table, in the order that {@link SegmentBuilder} writes them. */
export const STAGED_COLUMNS = {
  line_number: "bigint",
  cui: "bigint",
  name: "text",
  registration_number: "text",
  euid: "text",
  legal_form: "text",
  is_natural_person: "boolean",
  registered_on: "date",
  county: "text",
  locality: "text",
  address: "text",
  postal_code: "text",
  website: "text",
  registry_state_code: "text",
  activities: "jsonb",
} as const;

/** Text is turned into bytes in pieces of about this many characters, while it is young: it costs less memory. */
const PIECE = 65_536;

export class SegmentBuilder {
  private readonly staged = new CopyData();
  private readonly rejects = new CopyData();
  private stagedRows = 0;
  private rejected = 0;
  private readonly rejectedBy: Record<string, number> = {};

  get rows(): number {
    return this.stagedRows + this.rejected;
  }

  add(line: number, row: RegistryRow): void {
    this.stagedRows++;
    this.staged.add(
      `${line}\t${row.cui}\t${copyText(row.name)}\t${copyText(row.registrationNumber)}\t${copyText(row.euid)}\t${copyText(row.legalForm)}\t${row.isNaturalPerson ? "t" : "f"}\t${row.registeredOn ?? "\\N"}\t${copyText(row.county)}\t${copyText(row.locality)}\t${copyText(row.address)}\t${copyText(row.postalCode)}\t${copyText(row.website)}\t${copyText(row.stateCode)}\t${activities(row)}\n`,
    );
  }

  reject(line: number, { reason, field }: RowReject): void {
    this.rejected++;
    this.rejectedBy[reason] = (this.rejectedBy[reason] ?? 0) + 1;
    this.rejects.add(`${line}\t${reason}\t${field ?? "\\N"}\n`);
  }

  build(end: { nextOffset: number; nextLine: number }): Segment {
    return {
      staged: this.staged.end(),
      stagedRows: this.stagedRows,
      rejects: this.rejects.end(),
      rejected: this.rejected,
      rejectedBy: this.rejectedBy,
      rows: this.rows,
      ...end,
    };
  }
}

class CopyData {
  private text = "";
  private readonly pieces: Buffer[] = [];

  add(line: string): void {
    this.text += line;
    if (this.text.length >= PIECE) this.flush();
  }

  end(): Buffer[] {
    if (this.text !== "") this.flush();
    return this.pieces;
  }

  private flush(): void {
    this.pieces.push(Buffer.from(this.text));
    this.text = "";
  }
}

/** A value in COPY's text format. The text is clean already: of what COPY escapes, only backslashes are left. */
export function copyText(text: string | null): string {
  if (text === null) return "\\N";
  return text.includes("\\") ? text.replaceAll("\\", "\\\\") : text;
}

function activities(row: RegistryRow): string {
  if (row.caen === null) return "\\N";
  return JSON.stringify(row.caen.map((code) => ({ code, revision: row.caenRevision })));
}
