import { defineField } from "../define-field.ts";
import { Financials } from "../financial-facts.ts";
import { referenceByTaxId } from "../reference-source.ts";

/**
 * Turnover, result and staff of the last year that was filed, out of the Ministry of Finance's yearly files: for a whole
 * registry they come before single calls.
 */
export const financialsBulk = defineField({
  id: "financials-bulk",
  schema: Financials,
  // Local look-ups: as many as the pool of connections bears.
  concurrency: 10,
  retries: 4,
  sources: [
    referenceByTaxId({
      dataset: "financial-statements",
      provider: "mfinante",
      confidencePct: 95,
      pick([newest]) {
        const parsed = Financials.safeParse({ ...newest?.body, financialYear: newest?.year });
        return parsed.success ? parsed.data : null;
      },
    }),
  ],
});
