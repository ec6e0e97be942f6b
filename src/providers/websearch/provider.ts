import { z } from "zod";
import { type Answer, defineProvider, type ProviderOperation } from "#src/platform/provider.ts";
import { hashedKey } from "../subject-key.ts";
import { createBraveClient, WEBSEARCH, type WebSearchClient } from "./client.ts";
import type { SearchHit } from "./schemas.ts";

export interface WebSearchSubject {
  query: string;
}

/** $5 for 1,000 requests (Brave's Search plan, September 2026), taken as 4,600 micro-euros each. */
export const WEBSEARCH_REQUEST_MICROS = 4_600;

const search = (client: WebSearchClient): ProviderOperation<WebSearchSubject, { hits: SearchHit[] }> => ({
  name: "search",
  limit: { name: WEBSEARCH, windows: [{ limit: 50, periodMs: 1_000 }], inFlight: 10 },
  price: { costMicros: WEBSEARCH_REQUEST_MICROS, chargedFor: "answered" },
  batchSize: 1,
  repeatable: false,
  keyOf,
  async ask(subjects, context) {
    const answers = new Map<string, Answer<{ hits: SearchHit[] }>>();
    for (const subject of subjects) {
      const hits = await client.search(subject.query, context);
      answers.set(
        keyOf(subject),
        hits.length > 0 ? { status: "found", body: { hits } } : { status: "not_found" },
      );
    }
    return answers;
  },
});

// A sole trader's name is a person's.
const keyOf = ({ query }: WebSearchSubject): string => hashedKey(query);

export const websearch = defineProvider({
  slug: WEBSEARCH,
  env: {
    WEBSEARCH_BASE_URL: z.url().default("https://api.search.brave.com/res/v1"),
    /** Unset, as it is by default: nobody is searched for. */
    WEBSEARCH_API_KEY: z.string().min(1).optional(),
  },
  credentials: { apiKey: "WEBSEARCH_API_KEY" },
  connect: ({ WEBSEARCH_BASE_URL, WEBSEARCH_API_KEY }) =>
    WEBSEARCH_API_KEY
      ? { search: search(createBraveClient({ baseUrl: WEBSEARCH_BASE_URL, apiKey: WEBSEARCH_API_KEY })) }
      : null,
});
