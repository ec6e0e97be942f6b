import { z } from "zod";
import { type Answer, defineProvider, type ProviderOperation } from "#src/platform/provider.ts";
import { createTermeneClient, TERMENE, type TermeneClient } from "./client.ts";
import type { TermeneCompany } from "./schemas.ts";

export interface TermeneSubject {
  cui: number;
}

/**
 * Assumed. A subscription has no price per question, but it runs out; 0.20 RON is what a comparable service
 * (risco.ro) takes for one. With 0 every plan and waterfall would take it for free.
 */
export const PRICE_MICROS = 40_000;

const company = (client: TermeneClient): ProviderOperation<TermeneSubject, TermeneCompany> => ({
  name: "company",
  limit: { name: TERMENE, windows: [{ limit: 20, periodMs: 1_000 }], inFlight: 15 },
  price: { costMicros: PRICE_MICROS, chargedFor: "found" },
  batchSize: 1,
  repeatable: false,
  keyOf,
  async ask(subjects, context) {
    const answers = new Map<string, Answer<TermeneCompany>>();
    for (const subject of subjects) {
      const body = await client.company(subject.cui, context);
      answers.set(keyOf(subject), body ? { status: "found", body } : { status: "not_found" });
    }
    return answers;
  },
});

const keyOf = ({ cui }: TermeneSubject): string => String(cui);

/** Asking about this tax id costs nothing: its check digit is wrong. */
const NOBODY = 11;

const env = {
  TERMENE_BASE_URL: z.url().default("https://api.termene.ro"),
  TERMENE_USERNAME: z.string().min(1).optional(),
  TERMENE_PASSWORD: z.string().min(1).optional(),
  TERMENE_SCHEMA_KEY: z.string().min(1).optional(),
};

function connectClient(given: z.output<z.ZodObject<typeof env>>): TermeneClient | null {
  const { TERMENE_USERNAME: username, TERMENE_PASSWORD: password, TERMENE_SCHEMA_KEY: schemaKey } = given;
  if (!username || !password || !schemaKey) return null;
  return createTermeneClient({ baseUrl: given.TERMENE_BASE_URL, username, password, schemaKey });
}

export const termene = defineProvider({
  slug: TERMENE,
  env,
  credentials: {
    username: "TERMENE_USERNAME",
    password: "TERMENE_PASSWORD",
    schemaKey: "TERMENE_SCHEMA_KEY",
  },
  connect(env) {
    const client = connectClient(env);
    return client && { company: company(client) };
  },
  async healthCheck(env, { signal }) {
    await connectClient(env)?.company(NOBODY, { signal });
  },
});
