/** The site that web-discovery has found, as a source of fields: fetched once a day, however many fields read it. */
import { z } from "zod";
import type { Target } from "#db/queries/field-values.ts";
import type { Site } from "#src/domain/web/site.ts";
import { SCRAPINGBEE } from "#src/providers/scrapingbee/client.ts";
import { WEBSITE } from "#src/providers/website/client.ts";
import { askProvider } from "./ask-provider.ts";
import type { Source } from "./source.ts";

const discovered = z.looseObject({ domain: z.string(), websiteState: z.string() });

type Pick<Value> = (site: Site, target: Target) => { value: Value; confidencePct: number } | null;

/**
 * The site itself, and ScrapingBee for those that show only browsers what they have. A site whose robots.txt asks us
 * to stay away is not fetched by others on our behalf either.
 */
export const siteSources = <Value>(pick: Pick<Value>): Source<Value>[] => {
  const ifRead: Pick<Value> = (site, target) => (site.state === "read" ? pick(site, target) : null);
  return [
    askProvider({
      provider: WEBSITE,
      operation: (deps) => deps.providers.website?.fetchPages,
      subject: (target) => domainOf(target, ["read"]),
      pick: ifRead,
    }),
    askProvider({
      provider: SCRAPINGBEE,
      operation: (deps) => deps.providers.scrapingbee?.homePage,
      subject: (target) => domainOf(target, ["blocked", "needs_browser"]),
      pick: ifRead,
    }),
  ];
};

function domainOf({ values }: Target, states: readonly string[]): { domain: string } | null {
  const found = discovered.safeParse(values["web-discovery"]);
  return found.success && states.includes(found.data.websiteState) ? { domain: found.data.domain } : null;
}
