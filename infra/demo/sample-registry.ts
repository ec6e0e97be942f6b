/**
 * A registry export in the true format, for demos, tests and benchmarks: OD_FIRME.CSV with OD_STARE_FIRMA.CSV and
 * OD_CAEN_AUTORIZAT.CSV beside it, and with the real one's irregularities. The same seed writes the same bytes.
 */
import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { simulatedCompany } from "#infra/simulator/company.ts";
import { ONRC_HEADER } from "#src/domain/registry/csv-header.ts";
import { cuiCheckDigit } from "#src/domain/registry/cui.ts";
import type { RejectReason } from "#src/domain/registry/registry-row.ts";
import {
  LAND_HEADER,
  landRow,
  PAYMENTS_HEADER,
  PAYMENTS_YEAR,
  paymentRows,
  STATEMENTS_HEADER,
  STATEMENTS_YEAR,
  statementRow,
} from "./sample-reference.ts";
import {
  type County,
  caen,
  counties,
  familyNames,
  first,
  givenNames,
  second,
  streets,
  third,
} from "./sample-words.ts";

export interface SampleRegistry {
  file: string;
  statesFile: string;
  activitiesFile: string;
  /** Files of other public registers about the same companies. */
  reference: { statements: string; payments: string; land: string };
  /** What an import of the file into an empty workspace comes to. */
  expected: {
    rows: number;
    imported: number;
    duplicates: number;
    rejected: number;
    rejectedBy: Partial<Record<RejectReason, number>>;
  };
}

export interface SampleOptions {
  /** Folder, made if it is not there. */
  dir: string;
  /** Companies that will be imported, at most nine million; irregular rows come on top. */
  rows: number;
  seed: number;
  /** Irregular rows that will not be imported (default 3 % of `rows`). */
  badRows?: number;
}

/** Of a hundred thousand companies, this many have a website in the register. */
const WEBSITES_PER_100_000 = 270;
const BODIES = 9_990_000;
const FIRST_BODY = 10_000;
/** Has no common factor with BODIES, so that every step is another tax id. */
const STEP = 7_368_787;

/** Writes the files, as streams. */
export async function writeSampleRegistry(options: SampleOptions): Promise<SampleRegistry> {
  const { dir, rows, seed } = options;
  if (!Number.isInteger(rows) || rows < 1 || rows > 9_000_000) throw new RangeError("rows: 1 to 9,000,000");
  await mkdir(dir, { recursive: true });
  const [file, statesFile, activitiesFile] = [
    "OD_FIRME.CSV",
    "OD_STARE_FIRMA.CSV",
    "OD_CAEN_AUTORIZAT.CSV",
  ].map((name) => join(dir, name)) as [string, string, string];
  const companies = lineWriter(file, ONRC_HEADER.join("^"));
  const states = lineWriter(statesFile, "COD_INMATRICULARE^COD");
  const activities = lineWriter(activitiesFile, "COD_INMATRICULARE^COD_CAEN_AUTORIZAT^VER_CAEN_AUTORIZAT");

  const reference = {
    statements: join(dir, `WEB_UU_AN${STATEMENTS_YEAR}.txt`),
    payments: join(dir, `plati-${PAYMENTS_YEAR}.csv`),
    land: join(dir, "ouai.csv"),
  };
  const statements = lineWriter(reference.statements, STATEMENTS_HEADER);
  const payments = lineWriter(reference.payments, PAYMENTS_HEADER);
  const land = lineWriter(reference.land, LAND_HEADER);

  const random = mulberry32(seed);
  const start = Math.floor(random() * BODIES);
  const bad = badRows(random, options.badRows ?? Math.round(rows * 0.03));
  const expected: SampleRegistry["expected"] = {
    rows,
    imported: rows,
    duplicates: 0,
    rejected: 0,
    rejectedBy: {},
  };
  let badLeft = options.badRows ?? Math.round(rows * 0.03);

  for (let index = 0; index < rows; index++) {
    const company = makeCompany(random, index, start);
    await companies.write(toLine(company));
    for (const state of statesOf(random)) await states.write(`${company.registrationNumber}^${state}`);
    const codes = [...activitiesOf(random)];
    for (const [code, revision] of codes) {
      await activities.write(`${company.registrationNumber}^${code}^${revision}`);
    }
    const referenced = { ...company, county: company.county.name, activity: codes[0]?.[0] ?? "0111" };
    const statement = statementRow(referenced);
    if (statement) await statements.write(statement);
    for (const row of paymentRows(referenced)) await payments.write(row);
    const organisation = landRow(referenced);
    if (organisation) await land.write(organisation);
    // Spread over the file, none left at the end.
    while (badLeft > 0 && random() * (rows - index) < badLeft) {
      badLeft--;
      const { lines, reason } = bad(company, makeCompany(random, rows + badLeft, start));
      for (const line of lines) await companies.write(line);
      expected.rows += lines.length;
      if (reason === null) expected.duplicates += lines.length;
      else {
        expected.rejected += lines.length;
        expected.rejectedBy[reason] = (expected.rejectedBy[reason] ?? 0) + lines.length;
      }
    }
  }
  const writers = [companies, states, activities, statements, payments, land];
  await Promise.all(writers.map((writer) => writer.end()));
  return { file, statesFile, activitiesFile, reference, expected };
}

type Random = () => number;

interface Company {
  cui: number;
  name: string;
  registrationNumber: string;
  registeredOn: string;
  legalForm: string;
  county: County;
  locality: string;
  street: string;
  streetNumber: string;
  building: string;
  apartment: string;
  postalCode: string;
  extra: string;
  website: string;
}

function makeCompany(random: Random, index: number, start: number): Company {
  const body = FIRST_BODY + ((start + index * STEP) % BODIES);
  const kind = random();
  const legalForm =
    kind < 0.62 ? "SRL" : kind < 0.86 ? "PFA" : kind < 0.95 ? "II" : kind < 0.98 ? "IF" : "SA";
  const natural = legalForm !== "SRL" && legalForm !== "SA";
  const county = pick(random, counties);
  const year = 1991 + Math.floor(random() * 35);
  const name = natural ? traderName(random, legalForm) : companyName(random, legalForm);
  const block = random() < 0.12;
  const cui = body * 10 + cuiCheckDigit(body);
  return {
    cui,
    name,
    registrationNumber: registrationNumber(random, {
      letter: natural ? "F" : "J",
      year,
      county,
      serial: index + 1,
    }),
    registeredOn: `${two(1 + Math.floor(random() * 28))}/${two(1 + Math.floor(random() * 12))}/${year}`,
    legalForm,
    county,
    locality: pick(random, county.places),
    street: random() < 0.3 ? "" : `Str. ${pick(random, streets)}`,
    streetNumber: random() < 0.35 ? "" : String(1 + Math.floor(random() * 240)),
    building: block ? pick(random, ["A1", "B", "M12", "C4"]) : "",
    apartment: block ? String(1 + Math.floor(random() * 60)) : "",
    postalCode: random() < 0.5 ? "" : county.postal + String(1000 + Math.floor(random() * 8999)),
    extra: extra(random),
    website: random() * 100_000 < WEBSITES_PER_100_000 ? websiteOf(cui) : "",
  };
}

function toLine(company: Company, changes: Partial<Record<"cui" | "name" | "extra", string>> = {}): string {
  return [
    ...[
      changes.name ?? company.name,
      changes.cui ?? company.cui,
      company.registrationNumber,
      company.registeredOn,
    ],
    ...[
      `ROONRC.${company.registrationNumber}`,
      company.legalForm,
      "România",
      company.county.name,
      company.locality,
    ],
    ...[
      company.street,
      company.streetNumber,
      company.building,
      "",
      "",
      company.apartment,
      company.postalCode,
      "",
    ],
    ...[changes.extra ?? company.extra, company.website, ""],
  ].join("^");
}

// The real export's irregularities that cost a row: what the lines are, and what an import says to them.
function badRows(random: Random, count: number) {
  let next = 0;
  return (before: Company, other: Company): { lines: (string | Buffer)[]; reason: RejectReason | null } => {
    const share = count === 0 ? 0 : (next++ % 100) / 100;
    if (share < 0.4) return { lines: [toLine(before, { name: before.name.toUpperCase() })], reason: null };
    if (share < 0.6) return { lines: [toLine(other, { cui: "0" })], reason: "missing_tax_id" };
    if (share < 0.75) {
      const wrong = other.cui - (other.cui % 10) + ((other.cui + 1 + Math.floor(random() * 8)) % 10);
      const isRight = wrong === other.cui;
      return {
        lines: [toLine(other, { cui: String(isRight ? wrong + (wrong % 10 === 9 ? -1 : 1) : wrong) })],
        reason: "invalid_check_digit",
      };
    }
    if (share < 0.85) {
      const line = toLine(other);
      const cut = line.indexOf("^", line.length >> 1);
      return { lines: [line.slice(0, cut), line.slice(cut)], reason: "wrong_column_count" };
    }
    if (share < 0.9)
      return { lines: [toLine(other, { cui: personalNumber(random) })], reason: "personal_number" };
    if (share < 0.95) return { lines: [toLine(other, { name: "" })], reason: "missing_name" };
    const bytes = Buffer.from(toLine(other));
    bytes[2] = 0xfe;
    return { lines: [bytes], reason: "invalid_encoding" };
  };
}

function companyName(random: Random, legalForm: string): string {
  const words = [pick(random, first), pick(random, second)];
  if (random() < 0.6) words.push(pick(random, third));
  if (random() < 0.5) words.push(String(1 + Math.floor(random() * 99)));
  const suffix = legalForm === "SA" ? "S.A." : pick(random, ["S.R.L.", "SRL", "S.R.L"]);
  const name = words.join(" ");
  // The register has quotes and backslashes wherever somebody once typed them, paired or not.
  const odd = random();
  if (odd < 0.03) return `"${name}" ${suffix}`;
  if (odd < 0.045) return `${name}" ${suffix}`;
  if (odd < 0.05) return `${name} \\ ${suffix}`;
  return irregular(random, `${name} ${suffix}`);
}

function traderName(random: Random, legalForm: string): string {
  const person = `${pick(random, familyNames)} ${pick(random, givenNames)}`;
  const long: Record<string, string> = {
    PFA: "PERSOANĂ FIZICĂ AUTORIZATĂ",
    II: "ÎNTREPRINDERE INDIVIDUALĂ",
    IF: "ÎNTREPRINDERE FAMILIALĂ",
  };
  return irregular(random, `${person} ${random() < 0.5 ? long[legalForm] : legalForm}`);
}

function irregular(random: Random, name: string): string {
  const way = random();
  if (way < 0.6) return name.toUpperCase();
  if (way < 0.65) return `${name.toUpperCase()} `;
  if (way < 0.68) return name.toUpperCase().replace(" ", "  ");
  return way < 0.72 ? name.toLowerCase() : name;
}

function extra(random: Random): string {
  const odd = random();
  if (odd < 0.005) return `reprezentant CNP ${personalNumber(random)}`;
  if (odd < 0.01) return `parter, tarla ${1 + Math.floor(random() * 90)}/${1 + Math.floor(random() * 9)}`;
  return odd < 0.03 ? "camera 1" : "";
}

function registrationNumber(
  random: Random,
  { letter, year, county, serial }: { letter: string; year: number; county: County; serial: number },
): string {
  if (random() < 0.45) return `${letter}${two(county.code)}/${serial}/${year}`;
  return `${letter}${year}${String(serial % 1_000_000).padStart(6, "0")}${two(county.code)}${serial % 10}`;
}

function statesOf(random: Random): number[] {
  const odd = random();
  if (odd < 0.03) return [1084];
  return odd < 0.05 ? [1048, 2069] : [1048];
}

function* activitiesOf(random: Random): Generator<[string, number]> {
  const count = 1 + Math.floor(random() * 3);
  const seen = new Set<string>();
  for (let index = 0; index < count; index++) {
    const { code, revisions } = weighted(random);
    if (seen.has(code)) continue;
    seen.add(code);
    // Companies that have renewed their papers stand in both revisions.
    const only = random() < 0.3 || revisions.length === 1 ? null : random() < 0.7 ? 2 : 3;
    for (const revision of revisions) if (only === null || revision === only) yield [code, revision];
  }
}

const totalWeight = caen.reduce((sum, { weight }) => sum + weight, 0);

function weighted(random: Random): (typeof caen)[number] {
  let rest = random() * totalWeight;
  for (const entry of caen) {
    rest -= entry.weight;
    if (rest < 0) return entry;
  }
  return caen[0] as (typeof caen)[number];
}

// Of nobody: the county number 99 is given to no one.
function personalNumber(random: Random): string {
  const born = `${two(Math.floor(random() * 100))}${two(1 + Math.floor(random() * 12))}${two(1 + Math.floor(random() * 28))}`;
  return `${1 + Math.floor(random() * 2)}${born}99${String(Math.floor(random() * 10_000)).padStart(4, "0")}`;
}

/** The site that the simulated web has for the company; some in the register are long gone. */
function websiteOf(cui: number): string {
  return `www.${simulatedCompany(cui).domain ?? `gone-${cui}.example`}`;
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)] as T;
}

const two = (value: number): string => String(value).padStart(2, "0");

// Small, fast and the same everywhere; its quality is enough for a sample.
function mulberry32(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const BLOCK_BYTES = 256 * 1024;

function lineWriter(
  path: string,
  header: string,
): { write(line: string | Buffer): Promise<void> | undefined; end(): Promise<void> } {
  const stream = createWriteStream(path);
  let block = `\ufeff${header}\r\n`;
  return {
    write(line) {
      if (typeof line === "string") {
        block += `${line}\r\n`;
        if (block.length < BLOCK_BYTES) return undefined;
        return flush();
      }
      return flush().then(() => put(stream, Buffer.concat([line, Buffer.from("\r\n")])));
    },
    async end() {
      await flush();
      stream.end();
      await finished(stream);
    },
  };

  function flush(): Promise<void> {
    const bytes = Buffer.from(block);
    block = "";
    return put(stream, bytes);
  }
}

async function put(stream: WriteStream, bytes: Buffer): Promise<void> {
  if (!stream.write(bytes)) await once(stream, "drain");
}
