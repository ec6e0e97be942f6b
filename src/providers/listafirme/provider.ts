import { z } from "zod";
import { type Answer, defineProvider, type ProviderOperation } from "#src/platform/provider.ts";
import {
  createListafirmeClient,
  LISTAFIRME,
  type ListafirmeClient,
  type ListafirmeResult,
} from "./client.ts";
import type { ListafirmeCompany } from "./schemas.ts";

export interface ListafirmeSubject {
  cui: number;
}

/** An answer costs 1 to 5 credits (seed 000). The most is held back; what the answer says it cost is paid. */
const MOST_CREDITS = 5;

const company = (
  client: ListafirmeClient,
  creditMicros: number,
): ProviderOperation<ListafirmeSubject, ListafirmeCompany> => ({
  name: "company",
  limit: { name: LISTAFIRME, windows: [{ limit: 10, periodMs: 1_000 }], inFlight: 8 },
  price: { costMicros: MOST_CREDITS * creditMicros, chargedFor: "found" },
  batchSize: 1,
  repeatable: false,
  keyOf,
  async ask(subjects, context) {
    const answers = new Map<string, Answer<ListafirmeCompany>>();
    for (const subject of subjects) {
      const result = await client.company(subject.cui, context);
      answers.set(keyOf(subject), result ? toAnswer(result, creditMicros) : { status: "not_found" });
    }
    return answers;
  },
});

function toAnswer({ company, credits }: ListafirmeResult, creditMicros: number): Answer<ListafirmeCompany> {
  const found = { status: "found", body: company } as const;
  return credits === null ? found : { ...found, costMicros: Math.ceil(credits * creditMicros) };
}

const keyOf = ({ cui }: ListafirmeSubject): string => String(cui);

/** Asking about this tax id costs nothing: its check digit is wrong. */
const NOBODY = 11;

const env = {
  LISTAFIRME_BASE_URL: z.url().default("https://listafirme.ro"),
  LISTAFIRME_API_KEY: z.string().min(1).optional(),
  /** Of one credit, in micro-euros; the default (0.02 EUR, about 0.10 RON) is assumed: it depends on the plan. */
  LISTAFIRME_CREDIT_PRICE_MICROS: z.coerce.number().int().nonnegative().default(20_000),
};

function connectClient(given: z.output<z.ZodObject<typeof env>>): ListafirmeClient | null {
  const { LISTAFIRME_BASE_URL: baseUrl, LISTAFIRME_API_KEY: apiKey } = given;
  return apiKey ? createListafirmeClient({ baseUrl, apiKey }) : null;
}

export const listafirme = defineProvider({
  slug: LISTAFIRME,
  env,
  credentials: { apiKey: "LISTAFIRME_API_KEY" },
  connect(env) {
    const client = connectClient(env);
    return client && { company: company(client, env.LISTAFIRME_CREDIT_PRICE_MICROS) };
  },
  async healthCheck(env, { signal }) {
    await connectClient(env)?.company(NOBODY, { signal });
  },
});
