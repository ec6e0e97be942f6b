/** Rows of public registers about the sample's companies, in the forms in which those registers publish them. */
import { between, isAmong, pick } from "#infra/simulator/chance.ts";
import { simulatedCompany } from "#infra/simulator/company.ts";

export interface ReferencedCompany {
  cui: number;
  name: string;
  legalForm: string;
  county: string;
  locality: string;
  /** CAEN class. */
  activity: string;
}

export const STATEMENTS_YEAR = 2025;
export const PAYMENTS_YEAR = 2025;

export const STATEMENTS_HEADER = `CUI,CAEN,${Array.from({ length: 20 }, (_, at) => `I${at + 1}`).join(",")}`;
export const PAYMENTS_HEADER = "Beneficiar;Localitate;Judet;Masura;Suma";
export const LAND_HEADER = "Denumire OUAI;CUI;Judet;Localitate;Amenajare;Suprafata (ha)";

const isCompany = ({ legalForm }: ReferencedCompany) => legalForm === "SRL" || legalForm === "SA";

/** A row of the Ministry of Finance's `WEB_UU_AN…` file; null: it filed nothing. */
export function statementRow(company: ReferencedCompany): string | null {
  const { cui, activity } = company;
  if (!isCompany(company) || !isAmong(cui, "statement", 82)) return null;
  const { debtsRon, equityRon, turnoverRon, netResultRon, employees } = simulatedCompany(cui);
  const indicators = Array.from({ length: 20 }, () => 0);
  indicators[6] = debtsRon;
  indicators[9] = equityRon;
  indicators[12] = turnoverRon;
  indicators[17] = Math.max(0, netResultRon);
  indicators[18] = Math.max(0, -netResultRon);
  indicators[19] = employees;
  // As the register writes it: without the leading zero.
  return [cui, Number(activity), ...indicators].join(",");
}

const MEASURES = ["III/1 Plata de bază", "III/2 Plata redistributivă", "VI/1 Agromediu", "M4.1 Investiții"];

/** Rows of the published farm payments; private persons are among them, and names are written in other ways. */
export function paymentRows(company: ReferencedCompany): string[] {
  const { cui, county, locality } = company;
  if (!isCompany(company)) {
    return isAmong(cui, "private payment", 20)
      ? [`${company.name.split(" ").slice(0, 2).join(" ")};${locality};${county};${MEASURES[0]};900`]
      : [];
  }
  if (!isAmong(cui, "paid farmer", 35)) return [];
  const name = company.name.replaceAll(/[";]/g, "").toUpperCase();
  // Some lists leave the place out: then a person has to look.
  const place = isAmong(cui, "no place", 12) ? "" : locality.toUpperCase();
  return Array.from({ length: between(cui, "payments", 1, 3) }, (_, at) => {
    const amount = `${between(cui, `payment ${at}`, 1, 30)}.${between(cui, `cents ${at}`, 100, 999)},50`;
    return [name, place, county, pick(cui, `measure ${at}`, MEASURES), amount].join(";");
  });
}

/** A row of ANIF's list of water users' organisations; null: it is none. */
export function landRow(company: ReferencedCompany): string | null {
  const { cui, county, locality } = company;
  if (!isCompany(company) || !isAmong(cui, "water users", 2)) return null;
  return [
    `OUAI ${locality.toUpperCase()}`,
    cui,
    county,
    locality,
    `Amenajarea ${locality}`,
    between(cui, "surface", 120, 4_800),
  ].join(";");
}
