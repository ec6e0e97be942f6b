/**
 * What termene.ro's API v2 answers, and what we make of it. Sources as in client.ts.
 *
 * An account's schema key decides which blocks an answer has; any of them may be missing. Of the blocks:
 * - seen in several public clients: `firma`, `adresa`, `cod_caen`, `bilanturi_mfinante_scurte`: read strictly;
 * - seen in one: `evaluare_termene`, `risc_insolventa_termene`, `datorii_anaf.curent.activa`;
 * - assumed: `nr_dosare_juridice` and `nr_mentiuni_BPI`, which the older API (dateFirmaSumar) has under these names,
 *   and `datorii_anaf.curent.total`.
 * What rests on one client or on an assumption never sinks the rest: unreadable, it is as good as missing.
 */
import { z } from "zod";
import { foldText } from "#src/domain/registry/text.ts";
import { blankToNull, count, number, padded, part, taxId, text } from "../lenient.ts";

/** A company as termene.ro describes it. Amounts in lei; null: not in the answer. */
export interface TermeneCompany {
  name: string | null;
  county: string | null;
  locality: string | null;
  /** CAEN code of the main activity, four digits. */
  caen: string | null;
  /** Of the last statement that was filed. */
  statement: {
    financialYear: number;
    turnoverRon: number | null;
    /** Profit, or loss as a negative number. */
    netResultRon: number | null;
    employees: number | null;
    debtsRon: number | null;
  } | null;
  /** termene.ro's mark, taken for one of 0 (worst) to 10 (best). */
  mark: number | null;
  /** The risk of insolvency in termene.ro's words. */
  insolvencyRisk: string | null;
  /** Whether the tax authority's list of debtors names it. That list has debts above a threshold only. */
  hasTaxDebts: boolean | null;
  taxDebtsRon: number | null;
  courtCases: number | null;
  /** How often the Insolvency Bulletin ("BPI") names it. */
  insolvencyNotices: number | null;
}

export type TermeneAnswer =
  | { status: "found"; company: TermeneCompany }
  | { status: "not_found" }
  /** The API says why it does not answer. */
  | { status: "refused" }
  | { status: "unreadable" };

/** A figure stands bare, or with its trend: `{ valoare, tendinta }`. */
const figure = z.preprocess(
  (value) => (value !== null && typeof value === "object" && "valoare" in value ? value.valoare : value),
  number,
);

const statement = part({
  an: number.pipe(z.int().nullable()),
  cifra_de_afaceri_neta: figure,
  profit_pierdere_neta: figure,
  numar_mediu_angajati: figure,
  datorii: figure,
});

/** For what rests on an assumption. */
const orNull = <Schema extends z.ZodType>(schema: Schema) => schema.nullable().catch(null);

const flag = orNull(z.preprocess(blankToNull, z.boolean().nullable()));

const answer = z.looseObject({
  firma: part({
    cui: z.preprocess(blankToNull, taxId.nullable()),
    nume_recom: text,
    nume_mfinante: text,
  }),
  adresa: part({
    sediu_social: part({ judet: text, localitate: text }),
    anaf: part({ judet: text, localitate: text }),
  }),
  cod_caen: part({ principal_recom: part({ cod: padded(4) }) }),
  bilanturi_mfinante_scurte: part({ ultimul_raportat: statement }),
  evaluare_termene: orNull(part({ nota: orNull(number.pipe(z.number().min(0).max(10).nullable())) })),
  risc_insolventa_termene: orNull(part({ label: orNull(text) })),
  datorii_anaf: orNull(
    part({
      curent: orNull(part({ activa: flag, total: orNull(figure.pipe(z.number().nonnegative().nullable())) })),
    }),
  ),
  nr_dosare_juridice: orNull(count.pipe(z.int().nullable())),
  nr_mentiuni_BPI: orNull(count.pipe(z.int().nullable())),
});

const refusal = z.looseObject({ errors: z.looseObject({ message: text }) });

const NOT_FOUND = /negasit|nu (a fost gasit|am gasit|exista)|not found/;

/** @param cui the company that was asked about */
export function readAnswer(body: unknown, cui: number): TermeneAnswer {
  const refused = refusal.safeParse(body);
  if (refused.success) {
    const message = foldText(refused.data.errors.message ?? "");
    return { status: NOT_FOUND.test(message) ? "not_found" : "refused" };
  }
  const parsed = answer.safeParse(body);
  if (!parsed.success || (parsed.data.firma.cui ?? cui) !== cui) return { status: "unreadable" };
  const company = toCompany(parsed.data);
  const isEmpty = Object.values(company).every((value) => value === null);
  return isEmpty ? { status: "not_found" } : { status: "found", company };
}

function toCompany(raw: z.infer<typeof answer>): TermeneCompany {
  const { sediu_social: office, anaf: fiscal } = raw.adresa;
  const { ultimul_raportat: last } = raw.bilanturi_mfinante_scurte;
  const debts = raw.datorii_anaf?.curent;
  return {
    name: raw.firma.nume_recom ?? raw.firma.nume_mfinante,
    county: office.judet ?? fiscal.judet,
    locality: office.localitate ?? fiscal.localitate,
    caen: raw.cod_caen.principal_recom.cod,
    statement:
      last.an === null
        ? null
        : {
            financialYear: last.an,
            turnoverRon: last.cifra_de_afaceri_neta,
            netResultRon: last.profit_pierdere_neta,
            employees: last.numar_mediu_angajati,
            debtsRon: last.datorii,
          },
    mark: raw.evaluare_termene?.nota ?? null,
    insolvencyRisk: raw.risc_insolventa_termene?.label ?? null,
    hasTaxDebts: debts?.activa ?? null,
    taxDebtsRon: debts?.total ?? null,
    courtCases: raw.nr_dosare_juridice,
    insolvencyNotices: raw.nr_mentiuni_BPI,
  };
}
