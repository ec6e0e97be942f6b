import { z } from "zod";
import { type Answer, defineProvider, type ProviderOperation } from "#src/platform/provider.ts";
import { hashedKey } from "../subject-key.ts";
import { createHunterClient, HUNTER, type HunterClient, type HunterPerson } from "./client.ts";
import type { HunterEmail, HunterFinding } from "./schemas.ts";

/** Starter: 49 USD a month for 2,000 credits (hunter.io/pricing, 2026-08-13), at an assumed 0.92 EUR a USD. */
export const HUNTER_CREDIT_MICROS = 22_500;

/**
 * The first source of e-mail discovery, so its pace is the field's: 300 a minute (original document 000), of the 500
 * that Hunter allows.
 */
const DOMAIN_SEARCH_WINDOWS = [
  { limit: 15, periodMs: 1_000 },
  { limit: 300, periodMs: 60_000 },
];
const EMAIL_FINDER_WINDOWS = [
  { limit: 15, periodMs: 1_000 },
  { limit: 500, periodMs: 60_000 },
];

const PRICE = { costMicros: HUNTER_CREDIT_MICROS, chargedFor: "found" } as const;

/** The addresses at a domain. The body has at least one that Hunter was paid for, though perhaps none that is of use. */
const domainSearch = (client: HunterClient): ProviderOperation<string, { emails: HunterEmail[] }> => ({
  name: "domain-search",
  limit: { name: "hunter-domain-search", windows: DOMAIN_SEARCH_WINDOWS, inFlight: 30 },
  price: PRICE,
  batchSize: 1,
  repeatable: false,
  keyOf: (domain) => domain,
  async ask(domains, context) {
    const answers = new Map<string, Answer<{ emails: HunterEmail[] }>>();
    for (const domain of domains) {
      const { emails, returned } = await client.domainSearch(domain, context);
      answers.set(domain, returned > 0 ? { status: "found", body: { emails } } : { status: "not_found" });
    }
    return answers;
  },
});

/** The address of a person, or that this person is not to be asked about. */
const findEmail = (client: HunterClient): ProviderOperation<HunterPerson, HunterFinding> => ({
  name: "email-finder",
  limit: { name: "hunter-email-finder", windows: EMAIL_FINDER_WINDOWS, inFlight: 50 },
  price: PRICE,
  batchSize: 1,
  repeatable: false,
  keyOf: personKey,
  async ask(people, context) {
    const answers = new Map<string, Answer<HunterFinding>>();
    for (const person of people) {
      const finding = await client.findEmail(person, context);
      answers.set(personKey(person), toAnswer(finding));
    }
    return answers;
  },
});

function toAnswer(body: HunterFinding | null): Answer<HunterFinding> {
  if (!body) return { status: "not_found" };
  return body.claimed ? { status: "found", body, costMicros: 0 } : { status: "found", body };
}

const personKey = ({ firstName, lastName, domain }: HunterPerson): string =>
  hashedKey(firstName, lastName, domain);

const env = {
  HUNTER_BASE_URL: z.url().default("https://api.hunter.io/v2"),
  HUNTER_API_KEY: z.string().min(1).optional(),
};

function connectClient({
  HUNTER_BASE_URL: baseUrl,
  HUNTER_API_KEY: apiKey,
}: z.output<z.ZodObject<typeof env>>) {
  return apiKey ? createHunterClient({ baseUrl, apiKey }) : null;
}

export const hunter = defineProvider({
  slug: HUNTER,
  env,
  credentials: { apiKey: "HUNTER_API_KEY" },
  connect(given) {
    const client = connectClient(given);
    return client && { domainSearch: domainSearch(client), findEmail: findEmail(client) };
  },
  async healthCheck(given, { signal }) {
    await connectClient(given)?.checkAccount({ signal });
  },
});
