/** What a financial statement says of a company, wherever it was read. */
import { z } from "zod";

/** Lei; null: not in the layout that the company files in. */
const Amount = z.number().nullable();

export const Financials = z.object({
  financialYear: z.int(),
  turnoverRon: Amount,
  /** Profit, or loss as a negative number. */
  netResultRon: Amount,
  /** Average over the year. */
  employees: Amount,
  debtsRon: Amount,
  equityRon: Amount,
  /** CAEN code that the statement was filed under, four digits. */
  filedActivity: z.string().nullable(),
});
