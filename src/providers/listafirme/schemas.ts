/**
 * What listafirme.ro's API v3 answers, and what we make of it. Sources as in client.ts. Numbers come as text; errors
 * come with status 200.
 */
import { z } from "zod";
import { foldText } from "#src/domain/registry/text.ts";
import type { ProviderErrorKind } from "#src/platform/provider-error.ts";
import { number, taxId, text } from "../lenient.ts";

/** A company as listafirme.ro describes it. Amounts in lei; null: not in the answer. */
export interface ListafirmeCompany {
  /** In the trade register's words, such as "functiune" or "insolventa". */
  status: string | null;
  /** Of the last year that was filed. */
  statement: {
    financialYear: number;
    turnoverRon: number | null;
    /** Profit, or loss as a negative number. */
    netResultRon: number | null;
    employees: number | null;
    debtsRon: number | null;
  } | null;
}

export type ListafirmeAnswer =
  | {
      status: "found";
      company: ListafirmeCompany;
      /** What the answer cost; null: it does not say. */
      credits: number | null;
    }
  | { status: "not_found" }
  | { status: "error"; kind: ProviderErrorKind };

const error = z
  .looseObject({ errorCode: text, error: text })
  .refine(({ errorCode, error }) => errorCode !== null || error !== null);

const company = z.looseObject({
  TaxCode: taxId,
  Status: text,
  Balance: z.array(z.unknown()).max(100).nullish().catch(null),
  cost: number.pipe(z.number().nonnegative().nullable()),
});

const balance = z.looseObject({
  Year: number.pipe(z.int()),
  Turnover: number,
  NetProfit: number,
  Employees: number,
  Debts: number,
});

/** @param cui the company that was asked about */
export function readAnswer(body: unknown, cui: number): ListafirmeAnswer {
  const failed = error.safeParse(body);
  if (failed.success) return toError(failed.data.errorCode ?? "", failed.data.error ?? "");
  const parsed = company.safeParse(body);
  if (!parsed.success || parsed.data.TaxCode !== cui) return { status: "error", kind: "bad_response" };
  const { Status, Balance, cost } = parsed.data;
  return { status: "found", company: { status: Status, statement: lastOf(Balance ?? []) }, credits: cost };
}

/** Two codes are known. The others are taken by their words. */
function toError(code: string, message: string): ListafirmeAnswer {
  const words = foldText(`${code.replaceAll("_", " ")} ${message}`);
  if (code === "TAX_CODE_NOT_FOUND" || words.includes("tax code not found")) return { status: "not_found" };
  if (code === "API_BUSY_RETRY") return { status: "error", kind: "rate_limited" };
  if (/credit|views|afisari/.test(words)) return { status: "error", kind: "spent" };
  if (/\bkey\b|cheie|access|\bip\b/.test(words)) return { status: "error", kind: "unauthorized" };
  return { status: "error", kind: "rejected" };
}

/** The newest of the years that can be read. */
function lastOf(rows: readonly unknown[]): ListafirmeCompany["statement"] {
  const years = rows.flatMap((row) => balance.safeParse(row).data ?? []);
  const [last] = years.toSorted((a, b) => b.Year - a.Year);
  if (!last) return null;
  return {
    financialYear: last.Year,
    turnoverRon: last.Turnover,
    netResultRon: last.NetProfit,
    employees: last.Employees,
    debtsRon: last.Debts,
  };
}
