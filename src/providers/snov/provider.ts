import { z } from "zod";
import {
  type Answer,
  defineProvider,
  type ProviderOperation,
  type RateLimit,
} from "#src/platform/provider.ts";
import { hashedKey } from "../subject-key.ts";
import { createSnovClient, MAX_PEOPLE, POLLS_AFTER_MS, SNOV, type SnovClient } from "./client.ts";
import type { SnovEmail, SnovPerson } from "./schemas.ts";

/** Starter: 39 USD a month for 1,000 credits (snov.io/pricing, 2026-08-13), at an assumed 0.92 EUR a USD. */
export const SNOV_CREDIT_MICROS = 36_000;

/**
 * The account has 60 requests a minute for everything. A search makes three at most (start and two polls), and a permit
 * is for a search: 18 of them are 54 requests. Six are left for tokens, and for polls of the minute before that came
 * late.
 */
const LIMIT: RateLimit = { name: "snov", windows: [{ limit: 18, periodMs: 60_000 }], inFlight: 18 };

/** The addresses of people: ten with one search. */
const findEmails = (client: SnovClient): ProviderOperation<SnovPerson, SnovEmail> => ({
  name: "emails-by-domain-by-name",
  limit: LIMIT,
  price: { costMicros: SNOV_CREDIT_MICROS, chargedFor: "found" },
  batchSize: MAX_PEOPLE,
  repeatable: false,
  keyOf: personKey,
  async ask(people, context) {
    const found = await client.findEmails(people, context);
    return new Map(
      people.map((person, index): [string, Answer<SnovEmail>] => {
        const { email = null, charged = false } = found[index] ?? {};
        if (email) return [personKey(person), { status: "found", body: email }];
        return [personKey(person), { status: "not_found", costMicros: charged ? SNOV_CREDIT_MICROS : 0 }];
      }),
    );
  },
});

/** The mailboxes of a firm. A search is charged, whatever it finds. */
const genericContacts = (client: SnovClient): ProviderOperation<string, { emails: SnovEmail[] }> => ({
  name: "generic-contacts",
  limit: { ...LIMIT, rank: 1 },
  price: { costMicros: SNOV_CREDIT_MICROS, chargedFor: "answered" },
  batchSize: 1,
  repeatable: false,
  keyOf: (domain) => domain,
  async ask(domains, context) {
    const answers = new Map<string, Answer<{ emails: SnovEmail[] }>>();
    for (const domain of domains) {
      const emails = await client.genericContacts(domain, context);
      answers.set(
        domain,
        emails.length > 0 ? { status: "found", body: { emails } } : { status: "not_found" },
      );
    }
    return answers;
  },
});

export const operationsOf = (client: SnovClient) => ({
  findEmails: findEmails(client),
  genericContacts: genericContacts(client),
});

const personKey = ({ firstName, lastName, domain }: SnovPerson): string =>
  hashedKey(firstName, lastName, domain);

const env = {
  SNOV_BASE_URL: z.url().default("https://api.snov.io"),
  SNOV_CLIENT_ID: z.string().min(1).optional(),
  SNOV_CLIENT_SECRET: z.string().min(1).optional(),
  /** When a search's result is asked for, in milliseconds after its start. */
  SNOV_POLLS_AFTER_MS: z
    .string()
    .regex(/^\d+(,\d+)*$/)
    .default(POLLS_AFTER_MS.join(","))
    .transform((list) => list.split(",").map(Number)),
};

function connectClient({
  SNOV_BASE_URL: baseUrl,
  SNOV_CLIENT_ID: clientId,
  SNOV_CLIENT_SECRET: clientSecret,
  SNOV_POLLS_AFTER_MS: pollsAfterMs,
}: z.output<z.ZodObject<typeof env>>) {
  return clientId && clientSecret
    ? createSnovClient({ baseUrl, clientId, clientSecret, pollsAfterMs })
    : null;
}

export const snov = defineProvider({
  slug: SNOV,
  env,
  credentials: { clientId: "SNOV_CLIENT_ID", clientSecret: "SNOV_CLIENT_SECRET" },
  connect(given) {
    const client = connectClient(given);
    return client && operationsOf(client);
  },
  async healthCheck(given, { signal }) {
    await connectClient(given)?.checkAccount({ signal });
  },
});
