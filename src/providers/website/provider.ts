import { z } from "zod";
import type { Site } from "#src/domain/web/site.ts";
import { defineProvider, type ProviderOperation } from "#src/platform/provider.ts";
import { createSafeFetch } from "#src/platform/safe-fetch.ts";
import { createWebsiteClient, WEBSITE, type WebsiteClient } from "./client.ts";
import { createManners } from "./manners.ts";

export interface WebsiteSubject {
  /** Without "www.". */
  domain: string;
}

const fetchPages = (client: WebsiteClient): ProviderOperation<WebsiteSubject, Site> => ({
  name: "pages",
  // Of our own choice, over all sites; each site has its own pace (manners.ts), at which a visit takes about 10 s.
  limit: { name: WEBSITE, windows: [{ limit: 10, periodMs: 1_000 }], inFlight: 100 },
  price: { costMicros: 0, chargedFor: "nothing" },
  batchSize: 1,
  repeatable: true,
  keyOf: ({ domain }) => domain,
  domainOf: ({ domain }) => domain,
  async ask(subjects, context) {
    const sites = await Promise.all(
      subjects.map(async ({ domain }) => [domain, await client.fetchPages(domain, context)] as const),
    );
    return new Map(
      sites.map(([domain, site]) => [
        domain,
        site ? { status: "found", body: site } : { status: "not_found" },
      ]),
    );
  },
});

export const website = defineProvider({
  slug: WEBSITE,
  env: {
    /** Told to every site that we visit. */
    WEBSITE_CONTACT_URL: z.url().default("https://cerniq.app/bot"),
    /** A simulated web, asked instead of the internet for every site; see safe-fetch.ts. Never set in production. */
    WEBSITE_SIMULATOR_URL: z.url().optional(),
    /** The pace towards each domain: so many requests in 10 s. */
    WEBSITE_REQUESTS_PER_10S: z.coerce.number().int().positive().default(2),
  },
  connect: (env) => ({
    fetchPages: fetchPages(
      createWebsiteClient({
        safeFetch: createSafeFetch({ simulatorUrl: env.WEBSITE_SIMULATOR_URL }),
        manners: createManners({ limit: env.WEBSITE_REQUESTS_PER_10S }),
        contactUrl: env.WEBSITE_CONTACT_URL,
      }),
    ),
  }),
});
