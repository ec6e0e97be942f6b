/** The public registers that come as files, and how a row of each is read. Pure. */
import { blockKey } from "../matching/company-name.ts";
import { parseCui } from "../registry/cui.ts";
import { maskPersonalNumbers } from "../registry/personal-numbers.ts";
import { cleanText, foldText } from "../registry/text.ts";

/** What a row comes to: kept, or refused for a reason that is part of the API. */
export type ReadRow =
  | {
      ok: true;
      cui: number | null;
      name: string | null;
      blockKey: string | null;
      county: string | null;
      locality: string | null;
      body: Record<string, unknown>;
    }
  | { ok: false; reason: RowProblem };

export type RowProblem =
  | "wrong_column_count"
  | "invalid_tax_id"
  | "missing_name"
  | "natural_person"
  | "invalid_number";

/** Looks a cell up by the names that its column may have. */
export type Cell = (column: string) => string;

export interface Dataset {
  /** Columns, each with the headers it may have (folded to letters and digits); the first of them must be there. */
  columns: Readonly<Record<string, readonly string[]>>;
  /** Columns without which the file cannot be used. */
  required: readonly string[];
  /** Whether a file is one part of it, named by a year. */
  yearly: boolean;
  read(cell: Cell): ReadRow;
}

/**
 * Annual statements of the Ministry of Finance (data.gov.ro, `WEB_UU_AN{YYYY}.txt`, `WEB_BL_BS_SL_AN{YYYY}.txt`): one
 * row a company, header `CUI,CAEN,I1,…,I20`. Lei; I20 are people.
 */
const financialStatements: Dataset = {
  columns: {
    cui: ["cui"],
    caen: ["caen"],
    debts: ["i7"],
    equity: ["i10"],
    turnover: ["i13"],
    profit: ["i18"],
    loss: ["i19"],
    employees: ["i20"],
  },
  required: ["cui", "turnover", "profit", "loss", "employees"],
  yearly: true,
  read(cell) {
    const cui = parseCui(cell("cui"));
    if (!cui.ok) return { ok: false, reason: "invalid_tax_id" };
    const [debts, equity, turnover, profit, loss, employees] = [
      ...["debts", "equity", "turnover", "profit", "loss", "employees"],
    ].map((column) => readNumber(cell(column)));
    if ([turnover, profit, loss, employees].some(Number.isNaN))
      return { ok: false, reason: "invalid_number" };
    const caen = cell("caen").replace(/\D/g, "");
    const body = {
      turnoverRon: turnover,
      netResultRon: (profit ?? 0) - (loss ?? 0),
      employees,
      debtsRon: debts ?? null,
      equityRon: equity ?? null,
      filedActivity: caen === "" ? null : caen.padStart(4, "0"),
    };
    return { ok: true, cui: cui.cui, name: null, blockKey: null, county: null, locality: null, body };
  },
};

/** Words that tell an organisation from a person. */
const ORGANISATION =
  /\b(?:srl|s\.?r\.?l|sa|s\.?a|snc|scs|pfa|p\.?f\.?a|ii|i\.?i|if|i\.?f|cooperativa|societate\w*|asociati[ae]|obste\w*|composesorat\w*|grup\w*|intreprindere|persoana fizica|fundati[ae]|comuna|parohia|primaria|regia|institut\w*|ferma|agro\w*|ouai|fouai|organizati[ae])\b/;

/**
 * Payments of the common agricultural policy (FEGA, FEADR), published by AFIR: a row a beneficiary and measure, without
 * tax id or hectares. Rows of private persons are not kept: we have no use for their data.
 */
const farmPayments: Dataset = {
  columns: {
    name: ["beneficiar", "numebeneficiar", "denumirebeneficiar", "beneficiary", "nume"],
    locality: ["localitate", "localitatea", "unitateadministrativteritoriala", "municipality", "oras"],
    county: ["judet", "judetul", "county"],
    measure: ["masura", "codmasura", "schema", "measure"],
    amount: ["suma", "sumaeur", "valoare", "total", "amount", "sumatotala"],
  },
  required: ["name", "amount"],
  yearly: true,
  read(cell) {
    const name = cleanText(maskPersonalNumbers(cell("name")));
    if (name === "") return { ok: false, reason: "missing_name" };
    if (!ORGANISATION.test(foldText(name))) return { ok: false, reason: "natural_person" };
    const amount = readNumber(cell("amount"));
    if (Number.isNaN(amount)) return { ok: false, reason: "invalid_number" };
    const body = { amountEuros: amount, measure: cleanText(cell("measure")).slice(0, 200) || null };
    return { ok: true, cui: null, name, blockKey: blockKey(name) || null, ...placeOf(cell), body };
  },
};

/** Organisations of water users (OUAI) and their federations, from ANIF's lists. */
const landImprovement: Dataset = {
  columns: {
    name: [
      "denumire",
      "denumireaouai",
      "denumireouai",
      "organizatia",
      "ouai",
      "denumireaorganizatiei",
      "nume",
    ],
    cui: ["cui", "cif", "codfiscal", "codunic"],
    county: ["judet", "judetul"],
    locality: ["localitate", "localitatea", "sediul", "sediu"],
    system: ["amenajare", "amenajarea", "amenajareadeirigatii", "sistem"],
    surface: ["suprafata", "suprafataha", "ha"],
  },
  required: ["name"],
  yearly: false,
  read(cell) {
    const name = cleanText(maskPersonalNumbers(cell("name")));
    if (name === "") return { ok: false, reason: "missing_name" };
    const given = cell("cui");
    const cui = given === "" ? null : parseCui(given);
    if (cui && !cui.ok) return { ok: false, reason: "invalid_tax_id" };
    const surface = cell("surface") === "" ? null : readNumber(cell("surface"));
    if (surface !== null && Number.isNaN(surface)) return { ok: false, reason: "invalid_number" };
    const body = {
      organisation: /^\s*f\.?o\.?u\.?a\.?i|federati/i.test(name) ? "FOUAI" : "OUAI",
      irrigationSystem: cleanText(cell("system")).slice(0, 200) || null,
      surfaceHa: surface,
    };
    return {
      ok: true,
      cui: cui?.cui ?? null,
      name,
      blockKey: blockKey(name) || null,
      ...placeOf(cell),
      body,
    };
  },
};

/** By the name under which a file is imported. */
export const datasets = {
  "financial-statements": financialStatements,
  "farm-payments": farmPayments,
  "land-improvement": landImprovement,
} as const satisfies Record<string, Dataset>;
export type DatasetId = keyof typeof datasets;

/** Which column of a file is which; -1 where it is not there. Null: a required one is missing. */
export function columnsOf(dataset: Dataset, header: readonly string[]): Record<string, number> | null {
  const folded = header.map((name) => foldText(name).replace(/[^a-z0-9]/g, ""));
  const columns = Object.fromEntries(
    Object.entries(dataset.columns).map(([column, names]) => [
      column,
      folded.findIndex((name) => names.includes(name)),
    ]),
  );
  return dataset.required.some((column) => columns[column] === -1) ? null : columns;
}

function placeOf(cell: Cell): { county: string | null; locality: string | null } {
  const text = (column: string) => cleanText(cell(column)).slice(0, 200) || null;
  return { county: text("county"), locality: text("locality") };
}

/**
 * A number as these files write it: "1.234.567,89", "1,234,567.89" and "1234567.89" are the same, "1.234" is a
 * thousand and more, as in Romanian. "" is 0, which is what these registers mean by it. NaN: no number.
 */
export function readNumber(text: string): number {
  const plain = text.replace(/[\s\u00a0]/g, "");
  if (plain === "" || plain === "-") return 0;
  if (!/^-?\d+(?:[.,]\d+)*$/.test(plain)) return Number.NaN;
  const marks = plain.replace(/[^.,]/g, "");
  const last = marks.at(-1) ?? "";
  const repeated = marks.length > 1 && [...marks].every((mark) => mark === last);
  const thousand = repeated || (marks === "." && /^-?\d{1,3}\.\d{3}$/.test(plain));
  if (thousand || last === "") return Number(plain.replace(/[.,]/g, ""));
  const at = plain.lastIndexOf(last);
  return Number(`${plain.slice(0, at).replace(/[.,]/g, "")}.${plain.slice(at + 1)}`);
}
