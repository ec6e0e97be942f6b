/**
 * A simulator of ScrapingBee (HTML API with JavaScript, json_response): it browses the simulated web. Its limit is
 * concurrency. Charges for pages and for the sites' own 404, not for what it could not fetch.
 */
import type { Context } from "hono";
import { z } from "zod";
import { SCRAPINGBEE_PAGE_MICROS } from "#src/providers/scrapingbee/provider.ts";
import { commonBehaviour, defineSimulator, type SimulatorEnv } from "../kit.ts";
import { renderedPage, simulatedSite } from "../websites/site.ts";

export const SCRAPINGBEE_KEY = "simulated-scrapingbee-key";

const behaviour = {
  ...commonBehaviour,
  /** A browser takes its time. */
  latencyMs: z.number().int().min(0).default(2_500),
  jitterMs: z.number().int().min(0).default(1_000),
  /** Pages under way at once; one more gets 429. */
  concurrency: z.number().int().min(1).default(5),
  /** 1: the plan's credits are used up. */
  spent: z.number().int().min(0).max(1).default(0),
};

/** The real limit is the concurrency below. */
const NO_LIMIT = [{ limit: 100_000, periodMs: 1_000 }];

export const scrapingbeeSimulator = defineSimulator({
  slug: "scrapingbee",
  behaviour,
  env: (baseUrl) => ({ SCRAPINGBEE_BASE_URL: baseUrl, SCRAPINGBEE_API_KEY: SCRAPINGBEE_KEY }),
  routes(app, { behaviour: now, ledger, guard }) {
    const refuse = (c: Context<SimulatorEnv>, status: 400 | 401 | 404 | 429 | 500, message: string) =>
      c.json({ message: `${message} (simulator)` }, status);
    let underWay = 0;

    app.use("*", async (c, next) => {
      if (now().limited === 1 && underWay >= now().concurrency) {
        ledger().count("calls");
        ledger().count("rateLimited");
        return refuse(c, 429, "Too many concurrent requests");
      }
      underWay++;
      try {
        await next();
      } finally {
        underWay--;
      }
      return undefined;
    });

    app.get(
      "/v1/usage",
      guard(NO_LIMIT, (c) => refuse(c, 429, "Too fast")),
      (c) => {
        if (c.req.query("api_key") !== SCRAPINGBEE_KEY) return refuse(c, 401, "Invalid api key");
        return c.json({
          max_api_credit: 250_000,
          used_api_credit: now().spent === 1 ? 250_000 : 1_000,
          max_concurrency: now().concurrency,
          current_concurrency: underWay - 1,
        });
      },
    );

    app.get(
      "/v1/",
      guard(NO_LIMIT, (c) => refuse(c, 429, "Too fast")),
      (c) => {
        const { api_key, url = "", json_response } = c.req.query();
        if (api_key !== SCRAPINGBEE_KEY) return refuse(c, 401, "Invalid api key");
        if (now().spent === 1) return refuse(c, 401, "Monthly API calls limit reached");
        const target = URL.parse(url);
        if (!target || json_response !== "true") return refuse(c, 400, "Wrong parameters");
        const site = simulatedSite(target.hostname);
        if (!site || site.kind === "dead" || site.kind === "redirect_loop") {
          ledger().count("notFetched");
          return refuse(c, 500, "Error with your request, please try again (you will not be charged)");
        }
        if (site.kind === "disallows_robots") ledger().count("uninvited");
        ledger().charge(site.domain, SCRAPINGBEE_PAGE_MICROS);
        const html = renderedPage(site, target.pathname);
        if (html === null) return refuse(c, 404, "Not found");
        const scheme = site.httpOnly ? "http" : "https";
        return c.json({
          headers: { "Content-Type": "text/html; charset=UTF-8", Server: "nginx" },
          cost: 5,
          "initial-status-code": 200,
          "resolved-url": `${scheme}://${site.prefersWww ? "www." : ""}${site.domain}${target.pathname}`,
          type: "html",
          body: html,
          cookies: [],
        });
      },
    );
  },
});
