import { z } from "zod";
import { type Answer, defineProvider, type ProviderOperation } from "#src/platform/provider.ts";
import { hashedKey } from "../subject-key.ts";
import { APOLLO, type ApolloClient, type ApolloPerson, createApolloClient } from "./client.ts";
import type { ApolloEmail } from "./schemas.ts";

/**
 * Apollo publishes no price of a credit. Assumed: the 49 USD of a Basic seat (apollo.io/pricing, 2026-08-13) for 2,500
 * credits, at 0.92 EUR a USD.
 */
export const APOLLO_CREDIT_MICROS = 18_000;

/** The business address of a person. One who is matched without it is charged for, too (assumed: the dearer case). */
const matchPerson = (client: ApolloClient): ProviderOperation<ApolloPerson, ApolloEmail> => ({
  name: "people-match",
  limit: { name: "apollo-enrichment", windows: [{ limit: 1_000, periodMs: 60_000 }], inFlight: 30 },
  price: { costMicros: APOLLO_CREDIT_MICROS, chargedFor: "found" },
  batchSize: 1,
  repeatable: false,
  keyOf,
  async ask(people, context) {
    const answers = new Map<string, Answer<ApolloEmail>>();
    for (const person of people) {
      const match = await client.matchPerson(person, context);
      if (match?.email) answers.set(keyOf(person), { status: "found", body: match.email });
      else answers.set(keyOf(person), { status: "not_found", costMicros: match ? APOLLO_CREDIT_MICROS : 0 });
    }
    return answers;
  },
});

const keyOf = ({ firstName, lastName, domain }: ApolloPerson): string =>
  hashedKey(firstName, lastName, domain);

const env = {
  APOLLO_BASE_URL: z.url().default("https://api.apollo.io/api/v1"),
  APOLLO_API_KEY: z.string().min(1).optional(),
};

function connectClient({
  APOLLO_BASE_URL: baseUrl,
  APOLLO_API_KEY: apiKey,
}: z.output<z.ZodObject<typeof env>>) {
  return apiKey ? createApolloClient({ baseUrl, apiKey }) : null;
}

export const apollo = defineProvider({
  slug: APOLLO,
  env,
  credentials: { apiKey: "APOLLO_API_KEY" },
  connect(given) {
    const client = connectClient(given);
    return client && { matchPerson: matchPerson(client) };
  },
  async healthCheck(given, { signal }) {
    await connectClient(given)?.checkAccount({ signal });
  },
});
