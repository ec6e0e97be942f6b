import { lastFiledYear } from "#src/domain/enrichment/financial-year.ts";
import { ANAF_BILANT } from "#src/providers/anaf-bilant/client.ts";
import { askProvider } from "../ask-provider.ts";
import { defineField } from "../define-field.ts";
import { Financials } from "../financial-facts.ts";

/** What a company has filed itself, under penalty. */
const CONFIDENCE_PCT = 95;

/** The statement of a year, counted back from the last that can be had. Sole traders file none. */
const filed = (yearsBefore: 0 | 1) =>
  askProvider({
    provider: ANAF_BILANT,
    operation: (deps) => deps.providers.anafBilant?.statement,
    subject: ({ cui, isNaturalPerson }, now) =>
      isNaturalPerson ? null : { cui, financialYear: lastFiledYear(now) - yearsBefore },
    pick({ financialYear, turnoverRon, netResultRon, employees, debtsRon, equityRon, caen }) {
      // Banks, insurers and associations file in layouts without these.
      if (turnoverRon === null && netResultRon === null && employees === null) return null;
      const value = {
        financialYear,
        turnoverRon,
        netResultRon,
        employees,
        debtsRon,
        equityRon,
        filedActivity: caen,
      };
      return { value, confidencePct: CONFIDENCE_PCT };
    },
  });

/**
 * Turnover, result and staff of the last year that was filed, of those whom the yearly files leave out. Source: ANAF's
 * financial statements, one company a request.
 */
export const financials = defineField({
  id: "financials",
  schema: Financials,
  // One company a second, and only what the taxpayer service leaves of ANAF's limit: two chunks keep that busy.
  concurrency: 2,
  throttle: { limit: 1, period: "1s" },
  retries: 8,
  sources: [filed(0), filed(1)],
});
