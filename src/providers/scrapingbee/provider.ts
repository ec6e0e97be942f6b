import { z } from "zod";
import { type Site, stateOfHomePage } from "#src/domain/web/site.ts";
import { type Answer, defineProvider, type ProviderOperation } from "#src/platform/provider.ts";
import { readPage } from "../website/read-page.ts";
import { createScrapingBeeClient, SCRAPINGBEE, type ScrapingBeeClient } from "./client.ts";
import type { RenderedPage } from "./schemas.ts";

export interface ScrapingBeeSubject {
  /** Without "www.". */
  domain: string;
}

/** A page with JavaScript is 5 credits; a credit is taken as 180 micro-euros ($49 for 250,000, from memory). */
export const SCRAPINGBEE_PAGE_MICROS = 5 * 180;

const homePage = (client: ScrapingBeeClient): ProviderOperation<ScrapingBeeSubject, Site> => ({
  name: "home-page",
  // The smallest plan's concurrency; the rate is what five browsers can do, at 2.5 s a page.
  limit: { name: SCRAPINGBEE, windows: [{ limit: 2, periodMs: 1_000 }], inFlight: 5 },
  price: { costMicros: SCRAPINGBEE_PAGE_MICROS, chargedFor: "answered" },
  batchSize: 1,
  repeatable: false,
  keyOf,
  domainOf: ({ domain }) => domain,
  async ask(subjects, context) {
    const answers = new Map<string, Answer<Site>>();
    for (const { domain } of subjects) {
      const rendered = await client.render(`http://${domain}/`, context);
      answers.set(
        domain,
        rendered ? { status: "found", body: siteOf(domain, rendered) } : { status: "not_found" },
      );
    }
    return answers;
  },
});

const keyOf = ({ domain }: ScrapingBeeSubject): string => domain;

function siteOf(domain: string, { url, status, html, headers }: RenderedPage): Site {
  const home = readPage(url, html, headers);
  const state = stateOfHomePage(status, home);
  // Rendered already: what is short now is short by nature.
  const shown = state === "needs_browser" && home.text !== "" ? "read" : state;
  return { domain, state: shown, url: home.url, pages: shown === "read" ? [home] : [] };
}

const env = {
  SCRAPINGBEE_BASE_URL: z.url().default("https://app.scrapingbee.com/api"),
  SCRAPINGBEE_API_KEY: z.string().min(1).optional(),
};

/** Null without a key. */
function clientOf(given: z.output<z.ZodObject<typeof env>>): ScrapingBeeClient | null {
  const { SCRAPINGBEE_BASE_URL: baseUrl, SCRAPINGBEE_API_KEY: apiKey } = given;
  return apiKey ? createScrapingBeeClient({ baseUrl, apiKey }) : null;
}

export const scrapingbee = defineProvider({
  slug: SCRAPINGBEE,
  env,
  credentials: { apiKey: "SCRAPINGBEE_API_KEY" },
  connect(given) {
    const client = clientOf(given);
    return client && { homePage: homePage(client) };
  },
  async healthCheck(given, { signal }) {
    await clientOf(given)?.check({ signal });
  },
});
