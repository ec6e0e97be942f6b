/** One row of a registry export: the cells of a line in, a company or the reason why not out. */
import type { RegistryColumns, RegistryField } from "./csv-header.ts";
import { type CuiReason, parseCui } from "./cui.ts";
import { isNaturalPerson } from "./legal-form.ts";
import { hasPersonalNumber, maskPersonalNumbers } from "./personal-numbers.ts";
import { cleanEuid, cleanRegistrationNumber } from "./registration-number.ts";
import { cleanText, foldCounty, hasControlCharacters } from "./text.ts";

/**
 * Why a row was not taken; part of the API, so names stay. `outside_filter` is a row nobody asked for, `erased` one of a
 * sole trader whose data was erased.
 */
export const rejectReasons = [
  "wrong_column_count",
  "missing_tax_id",
  "invalid_tax_id",
  "invalid_check_digit",
  "personal_number",
  "missing_name",
  "invalid_encoding",
  "control_characters",
  "too_long",
  "broken_quoting",
  "outside_filter",
  "erased",
] as const;
export type RejectReason = (typeof rejectReasons)[number];

/** The name of a field as rejects show it. */
export const fieldLabels: Record<RegistryField, string> = {
  taxId: "tax_id",
  name: "name",
  registrationNumber: "registration_number",
  registeredOn: "registered_on",
  euid: "euid",
  legalForm: "legal_form",
  county: "county",
  locality: "locality",
  street: "street",
  streetNumber: "street_number",
  building: "building",
  staircase: "staircase",
  floor: "floor",
  apartment: "apartment",
  postalCode: "postal_code",
  sector: "sector",
  addressExtra: "address_extra",
  address: "address",
  website: "website",
  stateCode: "state_code",
  caen: "caen",
  caenRevision: "caen_revision",
};

/** A company as the file gives it: cleaned, personal numbers masked. */
export interface RegistryRow {
  cui: number;
  /** Empty only where the file has no column for it. */
  name: string;
  registrationNumber: string | null;
  euid: string | null;
  legalForm: string | null;
  isNaturalPerson: boolean;
  /** ISO 8601 date. */
  registeredOn: string | null;
  county: string | null;
  locality: string | null;
  address: string | null;
  postalCode: string | null;
  website: string | null;
  stateCode: string | null;
  /** Four digits, from a CAEN column of the file itself. */
  caen: string[] | null;
  /** Revision of the CAEN classification, 1 to 3, where the file says it. */
  caenRevision: number | null;
}

export interface RowReject {
  reason: RejectReason;
  field: string | null;
}

export type RowResult = { ok: true; row: RegistryRow } | ({ ok: false } & RowReject);

/** How to read the rows of one file. */
export interface RowReading {
  columns: RegistryColumns;
  columnCount: number;
  /** Folded with foldCounty(); null: all. */
  counties: ReadonlySet<string> | null;
  /** CAEN prefixes that the row's own CAEN column must match; null: all, or decided elsewhere. */
  caen: readonly string[] | null;
  /** Whether who has this tax id was erased; default: nobody was. */
  isErased?: ((cui: number) => boolean) | undefined;
}

/** Characters; longer than anything the register holds. */
const MAX_NAME = 500;
const MAX_TEXT = 1_000;
/** Characters of one line; a longer one is two lines or a thousand, whose ends were lost. */
export const MAX_LINE = 65_536;

/**
 * Reads one row. Tax id and name decide; what else is damaged becomes null, except text that is too long or
 * holds control characters, which say that the whole line is damaged.
 * @param cells of the line, as they stand there
 * @param damaged whether the line holds control characters (hasControlCharacters): then the cells are searched
 */
export function readRegistryRow(cells: readonly string[], damaged: boolean, reading: RowReading): RowResult {
  const { columns } = reading;
  if (!isWhole(cells, reading.columnCount)) return reject("wrong_column_count", null);
  for (let index = 0; index < cells.length; index++) {
    const cell = cells[index] as string;
    if (cell.length > MAX_NAME && cell.length > limitOf(columns, index)) {
      return reject("too_long", fieldOf(columns, index));
    }
    if (damaged && hasControlCharacters(cell)) return reject("control_characters", fieldOf(columns, index));
  }

  const taxId = parseCui(cellOf(cells, columns.taxId));
  if (!taxId.ok) return reject(taxIdReason(taxId.reason, cells, columns), "tax_id");
  if (reading.isErased?.(taxId.cui)) return reject("erased", "tax_id");
  const name = columns.name < 0 ? "" : maskPersonalNumbers(cleanText(cellOf(cells, columns.name)));
  if (name === "" && columns.name >= 0) return reject("missing_name", "name");

  const county = textOf(cells, columns.county);
  if (reading.counties !== null && (county === null || !reading.counties.has(foldedCounty(county)))) {
    return reject("outside_filter", "county");
  }
  const caen = columns.caen < 0 ? null : caenCodes(cellOf(cells, columns.caen));
  if (reading.caen !== null && !matchesCaen(caen, reading.caen)) return reject("outside_filter", "caen");

  const registrationNumber = cleanRegistrationNumber(cellOf(cells, columns.registrationNumber));
  const legalForm = textOf(cells, columns.legalForm);
  return {
    ok: true,
    row: {
      cui: taxId.cui,
      name,
      registrationNumber,
      euid: cleanEuid(cellOf(cells, columns.euid)),
      legalForm,
      isNaturalPerson: isNaturalPerson({ name, legalForm, registrationNumber }),
      registeredOn: readDate(cellOf(cells, columns.registeredOn)),
      county,
      locality: textOf(cells, columns.locality),
      address: addressOf(cells, columns),
      postalCode: textOf(cells, columns.postalCode),
      website: textOf(cells, columns.website),
      stateCode: textOf(cells, columns.stateCode),
      caen,
      caenRevision: revisionOf(cellOf(cells, columns.caenRevision)),
    },
  };
}

/** The field of a column, as rejects show it; null for a column that we do not read. */
export function fieldOf(columns: RegistryColumns, index: number): string | null {
  for (const field in columns) {
    if (columns[field as RegistryField] === index) return fieldLabels[field as RegistryField];
  }
  return null;
}

/**
 * ISO date of `dd/mm/yyyy`, `dd.mm.yyyy`, `dd-mm-yyyy` or `yyyy-mm-dd`, with or without a time behind it;
 * null for anything else, and for days that no calendar has.
 */
export function readDate(text: string): string | null {
  if (text === "") return null;
  const match = /^\s*(?:(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})|(\d{4})-(\d{2})-(\d{2}))(?:[T ].*)?\s*$/.exec(
    text,
  );
  if (!match) return null;
  const day = Number(match[1] ?? match[6]);
  const month = Number(match[2] ?? match[5]);
  const year = Number(match[3] ?? match[4]);
  if (year < 1800 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return null;
  return `${year}-${month < 10 ? "0" : ""}${month}-${day < 10 ? "0" : ""}${day}`;
}

/** CAEN codes of a cell such as `"0111"`, `"111"` or `"0111, 0150"`: padded to four digits. */
export function caenCodes(text: string): string[] | null {
  const codes = text.match(/\b\d{3,4}\b/g);
  return codes === null ? null : [...new Set(codes.map((code) => code.padStart(4, "0")))].slice(0, 200);
}

const matchesCaen = (codes: string[] | null, prefixes: readonly string[]): boolean =>
  codes?.some((code) => prefixes.some((prefix) => code.startsWith(prefix))) ?? false;

const reject = (reason: RejectReason, field: string | null): RowResult => ({ ok: false, reason, field });

// One delimiter too many at the end is how some programs write every line.
const isWhole = (cells: readonly string[], count: number): boolean =>
  cells.length === count || (cells.length === count + 1 && cells[count] === "");

const cellOf = (cells: readonly string[], index: number): string => (index < 0 ? "" : (cells[index] ?? ""));

function textOf(cells: readonly string[], index: number): string | null {
  const cell = cellOf(cells, index);
  if (cell === "") return null;
  return maskPersonalNumbers(cleanText(cell)) || null;
}

function taxIdReason(reason: CuiReason, cells: readonly string[], columns: RegistryColumns): CuiReason {
  return hasPersonalNumber(cleanText(cellOf(cells, columns.taxId))) ? "personal_number" : reason;
}

const limitOf = (columns: RegistryColumns, index: number): number =>
  index === columns.name ? MAX_NAME : MAX_TEXT;

const folded = new Map<string, string>();
function foldedCounty(county: string): string {
  const known = folded.get(county);
  if (known !== undefined) return known;
  const value = foldCounty(county);
  if (folded.size < 1_000) folded.set(county, value);
  return value;
}

function addressOf(cells: readonly string[], columns: RegistryColumns): string | null {
  let address = cellOf(cells, columns.address);
  address = part(address, "", cellOf(cells, columns.street));
  address = part(address, "nr. ", cellOf(cells, columns.streetNumber));
  address = part(address, "bl. ", cellOf(cells, columns.building));
  address = part(address, "sc. ", cellOf(cells, columns.staircase));
  address = part(address, "et. ", cellOf(cells, columns.floor));
  address = part(address, "ap. ", cellOf(cells, columns.apartment));
  address = part(address, "sector ", cellOf(cells, columns.sector));
  address = part(address, "", cellOf(cells, columns.addressExtra));
  return address === "" ? null : maskPersonalNumbers(cleanText(address)) || null;
}

function part(address: string, label: string, cell: string): string {
  if (cell === "" || cell.trim() === "") return address;
  return address === "" ? label + cell : `${address}, ${label}${cell}`;
}

function revisionOf(cell: string): number | null {
  const revision = Number(cell);
  return cell !== "" && Number.isInteger(revision) && revision >= 1 && revision <= 3 ? revision : null;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
