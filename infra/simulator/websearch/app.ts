/**
 * A simulator of Brave's web search: its shapes, limits and codes of errors. It finds companies by the tax id at the end
 * of the query: their site (most of the time), the directories that list everybody, and sometimes another company's site.
 * Charges for each search that was answered.
 */
import type { Context } from "hono";
import { z } from "zod";
import { hashedKey } from "#src/providers/subject-key.ts";
import { WEBSEARCH_REQUEST_MICROS } from "#src/providers/websearch/provider.ts";
import { isAmong } from "../chance.ts";
import { simulatedCompany } from "../company.ts";
import { commonBehaviour, defineSimulator, type SimulatorEnv } from "../kit.ts";

export const WEBSEARCH_KEY = "simulated-websearch-key";

const behaviour = {
  ...commonBehaviour,
  latencyMs: z.number().int().min(0).default(400),
  jitterMs: z.number().int().min(0).default(200),
  /** Share of sites that the index knows. */
  knownPct: z.number().min(0).max(100).default(70),
  /** 1: the month's quota is used up. */
  spent: z.number().int().min(0).max(1).default(0),
};

const WINDOWS = [{ limit: 50, periodMs: 1_000 }];

export const websearchSimulator = defineSimulator({
  slug: "websearch",
  behaviour,
  env: (baseUrl) => ({ WEBSEARCH_BASE_URL: baseUrl, WEBSEARCH_API_KEY: WEBSEARCH_KEY }),
  routes(app, { behaviour: now, ledger, guard }) {
    const refuse = (c: Context<SimulatorEnv>, status: 422 | 429, code: string, detail: string) =>
      c.json(
        { type: "ErrorResponse", error: { id: "simulated", status, code, detail: `${detail} (simulator)` } },
        status,
      );

    app.get(
      "/web/search",
      guard(WINDOWS, (c) => refuse(c, 429, "RATE_LIMITED", "Request rate limit exceeded")),
      (c) => {
        if (c.req.header("x-subscription-token") !== WEBSEARCH_KEY)
          return refuse(c, 422, "SUBSCRIPTION_TOKEN_INVALID", "The provided subscription token is invalid");
        if (now().spent === 1) return refuse(c, 429, "QUOTA_LIMITED", "Request quota limit exceeded");
        const query = c.req.query("q") ?? "";
        if (query === "" || query.length > 400)
          return refuse(c, 422, "VALIDATION", "Unable to validate request parameter(s)");
        ledger().charge(hashedKey(query), WEBSEARCH_REQUEST_MICROS);
        c.header("x-ratelimit-limit", "50, 0");
        c.header("x-ratelimit-remaining", "49, 0");
        c.header("x-ratelimit-reset", "1, 600000");
        const results = hitsOf(query, now().knownPct);
        // Where nothing is found the part is missing.
        return c.json({
          type: "search",
          query: { original: query, more_results_available: false },
          ...(results.length > 0 ? { web: { type: "search", results, family_friendly: true } } : {}),
        });
      },
    );
  },
});

function hitsOf(query: string, knownPct: number) {
  const cui = Number(query.match(/\b\d{2,10}\b/g)?.at(-1) ?? 0);
  if (cui === 0) return [];
  const { domain } = simulatedCompany(cui);
  const neighbour = simulatedCompany(cui + 1).domain;
  const hit = (url: string, title: string) => ({
    title,
    url,
    is_source_local: false,
    is_source_both: false,
    description: `${title}: CUI ${cui}`,
    language: "ro",
    family_friendly: true,
    type: "search_result",
  });
  return [
    ...(isAmong(cui, "listed", 90) ? [hit(`https://www.listafirme.ro/firma-${cui}/`, "Listă firme")] : []),
    ...(neighbour && isAmong(cui, "neighbour", 30)
      ? [hit(`https://${neighbour}/`, "Fermă din aceeași comună")]
      : []),
    ...(domain && isAmong(cui, "indexed", knownPct) ? [hit(`https://www.${domain}/contact`, "Contact")] : []),
    ...(isAmong(cui, "facebook", 40) ? [hit(`https://www.facebook.com/ferma${cui}`, "Facebook")] : []),
  ];
}
