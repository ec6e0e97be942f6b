/** What the trade register's open data say of a company, made comparable. Pure. */
import { isNaturalPerson } from "./legal-form.ts";

export interface RegisteredCompany {
  name: string;
  legalForm: string | null;
  registrationNumber: string | null;
  /** Codes of the nomenclature `N_STARE_FIRMA.CSV`, with commas where a company has several. */
  registryStateCode: string | null;
  activities: readonly { code: string; revision: number | null }[] | null;
}

export interface CompanyFacts {
  registryState: string | null;
  legalForm: string | null;
  soleTrader: boolean;
  registryActivity: string | null;
  registryActivityRevision: number | null;
  registryActivities: { code: string; revision: number | null }[];
}

/** Those codes of the nomenclature that sources confirm; others are shown by their number. */
const STATES: Record<string, string> = {
  "1048": "în funcțiune",
  "1084": "radiată",
  "2069": "dizolvare",
};

const MAX_ACTIVITIES = 50;

/** Null where the register's files said nothing beyond the company's name and number. */
export function companyFacts(company: RegisteredCompany): CompanyFacts | null {
  const { legalForm, registryStateCode, activities } = company;
  if (legalForm === null && registryStateCode === null && !activities?.length) return null;
  // A farm's authorised activities come in no order that says which is the main one.
  const sorted = [...(activities ?? [])].sort((a, b) => rank(a) - rank(b) || a.code.localeCompare(b.code));
  const states = registryStateCode?.split(",").map((code) => STATES[code.trim()] ?? code.trim());
  return {
    registryState: states?.join(", ") ?? null,
    legalForm,
    soleTrader: isNaturalPerson(company),
    registryActivity: sorted[0]?.code ?? null,
    registryActivityRevision: sorted[0]?.revision ?? null,
    registryActivities: sorted.slice(0, MAX_ACTIVITIES),
  };
}

/** Agriculture (divisions 01 to 03) first, and the newer revision before the older. */
function rank({ code, revision }: { code: string; revision: number | null }): number {
  const agricultural = /^0[1-3]/.test(code) ? 0 : 10;
  return agricultural + (3 - (revision ?? 0));
}
