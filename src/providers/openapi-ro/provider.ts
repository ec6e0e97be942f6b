import { z } from "zod";
import { type Answer, defineProvider, type ProviderOperation } from "#src/platform/provider.ts";
import { createOpenapiRoClient, OPENAPI_RO, type OpenapiRoClient } from "./client.ts";
import type { OpenapiRoCompany } from "./schemas.ts";

export interface OpenapiRoSubject {
  cui: number;
}

const company = (client: OpenapiRoClient): ProviderOperation<OpenapiRoSubject, OpenapiRoCompany> => ({
  name: "company",
  // The month's 100 requests are no window of ours: the account's other users draw on them too, and nobody should wait
  // for weeks. The provider says when they are used up, and then the waterfall goes on. This is courtesy.
  limit: { name: OPENAPI_RO, windows: [{ limit: 2, periodMs: 1_000 }], inFlight: 2 },
  price: { costMicros: 0, chargedFor: "nothing" },
  batchSize: 1,
  repeatable: true,
  keyOf,
  async ask(subjects, context) {
    const answers = new Map<string, Answer<OpenapiRoCompany>>();
    for (const subject of subjects) {
      const body = await client.company(subject.cui, context);
      answers.set(keyOf(subject), body ? { status: "found", body } : { status: "not_found" });
    }
    return answers;
  },
});

const keyOf = ({ cui }: OpenapiRoSubject): string => String(cui);

export const openapiRo = defineProvider({
  slug: OPENAPI_RO,
  env: {
    OPENAPI_RO_BASE_URL: z.url().default("https://api.openapi.ro"),
    OPENAPI_RO_API_KEY: z.string().min(1).optional(),
  },
  credentials: { apiKey: "OPENAPI_RO_API_KEY" },
  connect(env) {
    if (!env.OPENAPI_RO_API_KEY) return null;
    const client = createOpenapiRoClient({
      baseUrl: env.OPENAPI_RO_BASE_URL,
      apiKey: env.OPENAPI_RO_API_KEY,
    });
    return { company: company(client) };
  },
});
