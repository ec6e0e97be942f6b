import { LISTAFIRME } from "#src/providers/listafirme/client.ts";
import { OPENAPI_RO } from "#src/providers/openapi-ro/client.ts";
import { TERMENE } from "#src/providers/termene/client.ts";
import { askProvider } from "../ask-provider.ts";
import { defineField } from "../define-field.ts";
import { fromListafirme, fromOpenapiRo, fromTermene, LegalData } from "../legal-facts.ts";

/**
 * Is the company sound: insolvency, court cases, tax debts, risk, and its figures? Sources: termene.ro knows most;
 * listafirme.ro knows its state and figures; openapi.ro its registration only, for a hundred companies a month.
 */
export const legalData = defineField({
  id: "legal-data",
  schema: LegalData,
  // termene.ro takes 20 companies a second: a chunk of a hundred is 5 s of it.
  concurrency: 5,
  retries: 8,
  sources: [
    askProvider({
      provider: TERMENE,
      operation: (deps) => deps.providers.termene?.company,
      subject: ({ cui }) => ({ cui }),
      pick: (company) => found(fromTermene(company), 85),
    }),
    askProvider({
      provider: LISTAFIRME,
      operation: (deps) => deps.providers.listafirme?.company,
      subject: ({ cui }) => ({ cui }),
      pick: (company) => found(fromListafirme(company), 80),
    }),
    askProvider({
      provider: OPENAPI_RO,
      operation: (deps) => deps.providers.openapiRo?.company,
      subject: ({ cui }) => ({ cui }),
      pick: (company) => found(fromOpenapiRo(company), 70),
    }),
  ],
});

const found = (value: LegalData | null, confidencePct: number) => value && { value, confidencePct };
