import { z } from "zod";
import { type Answer, defineProvider, type ProviderOperation } from "#src/platform/provider.ts";
import { ANAF_BILANT, type AnafBilantClient, createAnafBilantClient } from "./client.ts";
import type { FinancialStatement } from "./schemas.ts";

export interface StatementSubject {
  cui: number;
  financialYear: number;
}

const statement = (client: AnafBilantClient): ProviderOperation<StatementSubject, FinancialStatement> => ({
  name: "statement",
  // One limit for both of ANAF's services. The taxpayer service goes first: a request to it serves a hundred
  // companies, one to this service serves one.
  limit: { name: "anaf", windows: [{ limit: 1, periodMs: 1_000 }], inFlight: 3, rank: 1 },
  price: { costMicros: 0, chargedFor: "nothing" },
  batchSize: 1,
  repeatable: true,
  keyOf,
  async ask(subjects, context) {
    const answers = new Map<string, Answer<FinancialStatement>>();
    for (const subject of subjects) {
      const body = await client.statement(subject.cui, subject.financialYear, context);
      answers.set(keyOf(subject), body ? { status: "found", body } : { status: "not_found" });
    }
    return answers;
  },
});

const keyOf = ({ cui, financialYear }: StatementSubject): string => `${cui}:${financialYear}`;

export const anafBilant = defineProvider({
  slug: ANAF_BILANT,
  env: { ANAF_BILANT_BASE_URL: z.url().default("https://webservicesp.anaf.ro") },
  connect: (env) => ({
    statement: statement(createAnafBilantClient({ baseUrl: env.ANAF_BILANT_BASE_URL })),
  }),
});
