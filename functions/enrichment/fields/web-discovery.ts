import { z } from "zod";
import type { Target } from "#db/queries/field-values.ts";
import { cleanDomain, isSharedHost, mailDomain, websiteDomain } from "#src/domain/web/domain-name.ts";
import { type Ownership, ownershipOf } from "#src/domain/web/ownership.ts";
import type { Site } from "#src/domain/web/site.ts";
import { WEBSEARCH } from "#src/providers/websearch/client.ts";
import type { SearchHit } from "#src/providers/websearch/schemas.ts";
import { WEBSITE } from "#src/providers/website/client.ts";
import { askProvider } from "../ask-provider.ts";
import { defineField } from "../define-field.ts";
import type { Source, SourceAnswer } from "../source.ts";

const WebDiscovery = z.object({
  /** Without "www.". */
  domain: z.string(),
  /** The home page; what the fields after this one may fetch. */
  website: z.string(),
  /** See `SiteState` in src/domain/web/site.ts. */
  websiteState: z.enum(["read", "blocked", "needs_browser", "disallowed", "unreadable"]),
  webEvidence: z.object({
    foundBy: z.enum(["registry", "email", "search"]),
    proof: z.enum(["tax_id", "name", "none"]),
    /** What stands on the site, with a few words around it. */
    snippet: z.string().nullable(),
  }),
});
type WebDiscovery = z.infer<typeof WebDiscovery>;
type FoundBy = WebDiscovery["webEvidence"]["foundBy"];

/**
 * How sure it is that the site is the company's. The register and its own mailbox name a domain that was its own at
 * the time; a search finds whatever mentions it, so without a proof on the page it is nobody's.
 */
const CONFIDENCE_PCT: Record<FoundBy, Record<Ownership["proof"], number | null>> = {
  registry: { tax_id: 98, name: 92, none: 70 },
  email: { tax_id: 95, name: 88, none: 60 },
  search: { tax_id: 92, name: 75, none: null },
};

/** Of a search's hits so many domains are visited. */
const MAX_CANDIDATES = 2;

/** Visits a domain, and says whether it is the company's site. */
const visit = (provider: string, foundBy: FoundBy, domainOf: (target: Target) => string | null) =>
  askProvider({
    provider,
    operation: (deps) => deps.providers.website?.fetchPages,
    subject(target) {
      const domain = domainOf(target);
      return domain === null ? null : { domain };
    },
    pick: (site: Site, target) => judge(site, target, foundBy),
  });

function judge(
  { domain, state, url, pages }: Site,
  { cui, name }: Target,
  foundBy: FoundBy,
): { value: WebDiscovery; confidencePct: number } | null {
  if (state === "parked" || state === "unreachable") return null;
  const { proof, snippet } = ownershipOf({ cui, name }, pages);
  const confidencePct = CONFIDENCE_PCT[foundBy][proof];
  if (confidencePct === null) return null;
  const website = url ?? `http://${domain}/`;
  return {
    value: { domain, website, websiteState: state, webEvidence: { foundBy, proof, snippet } },
    confidencePct,
  };
}

/** The domain of an e-mail address that is known already, when it can be the company's own. */
function mailboxDomain({ values, golden }: Target): string | null {
  for (const { email } of [...Object.values(values), golden]) {
    const domain = typeof email === "string" ? mailDomain(email) : null;
    if (domain) return domain;
  }
  return null;
}

const search = askProvider({
  provider: WEBSEARCH,
  operation: (deps) => deps.providers.websearch?.search,
  // With the tax id, which most sites and all directories name.
  subject: ({ name, cui }) => ({ query: `"${name}" ${cui}` }),
  pick({ hits }: { hits: SearchHit[] }) {
    const domains = [...new Set(hits.flatMap(({ url }) => cleanDomain(new URL(url).host) ?? []))];
    const candidates = domains.filter((domain) => !isSharedHost(domain)).slice(0, MAX_CANDIDATES);
    return candidates.length > 0 ? { value: candidates, confidencePct: 0 } : null;
  },
});

/** Searches, then visits what was found until one site is the company's. */
const searchAndVisit: Source<WebDiscovery> = {
  ...search,
  async ask(deps, key, targets) {
    const searched = await search.ask(deps, key, targets);
    const candidates = new Map<string, string[]>();
    const answers = new Map<string, SourceAnswer<WebDiscovery>>();
    for (const [id, answer] of searched) {
      if (answer.status === "found") candidates.set(id, answer.value);
      else if (answer.status !== "review") answers.set(id, answer);
    }
    for (let at = 0; at < MAX_CANDIDATES; at++) {
      const open = targets.filter(
        ({ id }) => candidates.get(id)?.[at] !== undefined && !isSettled(answers.get(id)),
      );
      if (open.length === 0) break;
      const visited = visit(WEBSEARCH, "search", ({ id }) => candidates.get(id)?.[at] ?? null);
      for (const [id, answer] of await visited.ask(deps, key, open)) answers.set(id, answer);
    }
    return new Map([...answers].map(([id, answer]) => [id, withCost(answer, searched.get(id))]));
  },
};

/** No other candidate is visited: this is the company's site, or has to be looked at first. */
const isSettled = (answer: SourceAnswer<unknown> | undefined): boolean =>
  answer?.status === "found" || answer?.status === "paused";

/** The visit was free, the search before it was not. */
function withCost<Value>(
  answer: SourceAnswer<Value>,
  searched: SourceAnswer<unknown> | undefined,
): SourceAnswer<Value> {
  if (searched?.status !== "found" || (answer.status !== "found" && answer.status !== "notFound"))
    return answer;
  return { ...answer, costMicros: (answer.costMicros ?? 0) + (searched.costMicros ?? 0) };
}

/**
 * Which site is the company's? Sources: the register's WEB column, the domain of a mailbox that is known to be the
 * company's, a web search; each is visited, and its pages are looked through for the tax id and the name.
 */
export const webDiscovery = defineField({
  id: "web-discovery",
  schema: WebDiscovery,
  // Sites are visited ten a second, for ten seconds each; four or so companies of a chunk have one.
  concurrency: 25,
  retries: 4,
  sources: [
    visit(WEBSITE, "registry", ({ website }) => websiteDomain(website)),
    visit(WEBSITE, "email", mailboxDomain),
    searchAndVisit,
  ],
});
