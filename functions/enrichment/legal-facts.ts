/** What the sources of `legal-data` say of a company, in one form. */
import { z } from "zod";
import { foldText } from "#src/domain/registry/text.ts";
import type { ListafirmeCompany } from "#src/providers/listafirme/schemas.ts";
import type { OpenapiRoCompany } from "#src/providers/openapi-ro/schemas.ts";
import type { TermeneCompany } from "#src/providers/termene/schemas.ts";

/** Null: the source does not say. */
const Amount = z.number().nullable();

export const LegalData = z.object({
  /** `in_bulletin`: named in the Insolvency Bulletin, at whatever stage. `insolvent`: by its state in the register. */
  insolvencyStatus: z.enum(["none", "in_bulletin", "insolvent"]).nullable(),
  /** The risk of insolvency in the source's words. */
  insolvencyRisk: z.string().nullable(),
  courtCases: z.int().nonnegative().nullable(),
  /** On the tax authority's list of debtors, which has debts above a threshold only. */
  hasTaxDebts: z.boolean().nullable(),
  /** By that list: 0 for who is not on it. */
  taxDebtsRon: Amount,
  /** 0 (sound) to 100. */
  riskScore: z.number().min(0).max(100).nullable(),
  deregistered: z.boolean().nullable(),
  /** The registration as the tax authority words it. */
  registrationState: z.string().nullable(),
  /** Of the last statement that was filed; as in `financials`. */
  financialYear: z.int().nullable(),
  turnoverRon: Amount,
  netResultRon: Amount,
  employees: Amount,
  debtsRon: Amount,
});

export type LegalData = z.infer<typeof LegalData>;

const NOTHING: LegalData = {
  insolvencyStatus: null,
  insolvencyRisk: null,
  courtCases: null,
  hasTaxDebts: null,
  taxDebtsRon: null,
  riskScore: null,
  deregistered: null,
  registrationState: null,
  financialYear: null,
  turnoverRon: null,
  netResultRon: null,
  employees: null,
  debtsRon: null,
};

/** @returns null when there is nothing in it that we look for */
export function fromTermene(company: TermeneCompany): LegalData | null {
  const { insolvencyNotices: notices, insolvencyRisk, courtCases, hasTaxDebts, mark } = company;
  return orNull({
    ...NOTHING,
    ...company.statement,
    insolvencyStatus: notices === null ? null : notices > 0 ? "in_bulletin" : "none",
    insolvencyRisk,
    courtCases,
    hasTaxDebts,
    taxDebtsRon: company.taxDebtsRon ?? (hasTaxDebts === false ? 0 : null),
    // A mark of 0 (worst) to 10 (best).
    riskScore: mark === null ? null : Math.round(100 - 10 * mark),
  });
}

/** @returns null when there is nothing in it that we look for */
export function fromListafirme({ status, statement }: ListafirmeCompany): LegalData | null {
  const words = foldText(status ?? "");
  const isInsolvent = /insolv|faliment|reorganizare/.test(words);
  const isStruckOff = words.startsWith("radia");
  const isActive = words.startsWith("functiune") || words.startsWith("in functiune");
  return orNull({
    ...NOTHING,
    ...statement,
    insolvencyStatus: isInsolvent ? "insolvent" : isActive ? "none" : null,
    deregistered: isStruckOff ? true : isInsolvent || isActive ? false : null,
  });
}

/** @returns null when there is nothing in it that we look for */
export const fromOpenapiRo = ({ registrationState, deregistered }: OpenapiRoCompany): LegalData | null =>
  orNull({ ...NOTHING, registrationState, deregistered });

const orNull = (data: LegalData): LegalData | null =>
  Object.values(data).every((value) => value === null) ? null : data;
