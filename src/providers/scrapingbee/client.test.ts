import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { simulatedCompany } from "#infra/simulator/company.ts";
import type { Simulator } from "#infra/simulator/kit.ts";
import { SCRAPINGBEE_KEY, scrapingbeeSimulator } from "#infra/simulator/scrapingbee/app.ts";
import { type SiteKind, simulatedSite } from "#infra/simulator/websites/site.ts";
import { createLogger } from "#src/platform/logger.ts";
import type { RequestContext } from "#src/platform/provider.ts";
import { interceptProvider } from "#tests/support/providers.ts";
import { createScrapingBeeClient, type ScrapingBeeClient } from "./client.ts";
import { SCRAPINGBEE_PAGE_MICROS, scrapingbee } from "./provider.ts";

const BASE_URL = "https://bee.test/api";

function start(
  behaviour: Record<string, number> = {},
  apiKey = SCRAPINGBEE_KEY,
): { client: ScrapingBeeClient; simulator: Simulator } {
  const simulator = scrapingbeeSimulator.create({ latencyMs: 0, jitterMs: 0, ...behaviour });
  interceptProvider(simulator.app, { baseUrl: BASE_URL });
  return { client: createScrapingBeeClient({ baseUrl: BASE_URL, apiKey, timeoutMs: 1_000 }), simulator };
}

const domainOf = (kind: SiteKind): string =>
  Array.from({ length: 4_000 }, (_, index) => simulatedCompany(20_000_000 + index).domain).find(
    (domain) => simulatedSite(domain ?? "")?.kind === kind,
  ) as string;

const operation = () =>
  scrapingbee.connect({ SCRAPINGBEE_BASE_URL: BASE_URL, SCRAPINGBEE_API_KEY: SCRAPINGBEE_KEY })?.homePage;
const context: RequestContext = {
  signal: AbortSignal.timeout(10_000),
  onSent: () => {},
  asOf: "2026-11-22",
  logger: createLogger("silent"),
};

describe("the client of ScrapingBee", () => {
  it.each(["script_only", "cookie_wall", "blocks_robots"] as const)(
    "sees what a site that is %s shows to people, and pays for it",
    async (kind) => {
      const domain = domainOf(kind);
      const { simulator } = start();
      const answers = await operation()?.ask([{ domain }], context);
      expect(answers?.get(domain)).toMatchObject({ status: "found", body: { domain, state: "read" } });
      expect(JSON.stringify(answers?.get(domain))).toContain("Bine ați venit");
      expect(simulator.charges()).toEqual({ [domain]: SCRAPINGBEE_PAGE_MICROS });
    },
  );

  it("knows a parked domain when it sees one", async () => {
    start();
    const domain = domainOf("parked");
    const answers = await operation()?.ask([{ domain }], context);
    expect(answers?.get(domain)).toMatchObject({ body: { state: "parked", pages: [] } });
  });

  it("takes a page that is not there for an answer, which is paid", async () => {
    const { client, simulator } = start();
    expect(await client.render(`http://${domainOf("plain")}/nothing`)).toBeNull();
    expect(Object.values(simulator.charges())).toEqual([SCRAPINGBEE_PAGE_MICROS]);
  });

  it("does not pay for what could not be fetched", async () => {
    const { client, simulator } = start();
    await expect(client.render(`http://${domainOf("dead")}/`)).rejects.toMatchObject({
      kind: "unavailable",
      charged: false,
    });
    expect(simulator.charges()).toEqual({});
  });

  it("is told when too many are under way", async () => {
    const { client } = start({ concurrency: 1, latencyMs: 100 });
    const url = `http://${domainOf("plain")}/`;
    const asked = await Promise.allSettled([client.render(url), client.render(url)]);
    expect(asked.find(({ status }) => status === "rejected")).toMatchObject({
      reason: { kind: "rate_limited", retryAfterMs: 2_000 },
    });
  });

  it("knows credits that are used up from a wrong key, which have the same status", async () => {
    const spent = start({ spent: 1 });
    await expect(spent.client.render("http://a.ro/")).rejects.toMatchObject({
      kind: "spent",
      httpStatus: 401,
    });
    const wrong = start({}, "wrong-key");
    const error = await wrong.client.render("http://a.ro/").catch((cause: Error) => cause as Error);
    expect(error).toMatchObject({ kind: "unauthorized", httpStatus: 401 });
    expect(String(error)).not.toMatch(/wrong-key|a\.ro/);
  });

  it.each([
    ["a server error", { errorEvery: 1 }, 500],
    ["a maintenance page", { htmlEvery: 1 }, 200],
    ["a broken connection", { resetEvery: 1 }, null],
    ["silence", { slowEvery: 1, slowMs: 2_500 }, null],
  ])("takes %s for an outage", async (_, behaviour, httpStatus) => {
    const { client } = start(behaviour);
    await expect(client.render("http://a.ro/")).rejects.toMatchObject({ kind: "unavailable", httpStatus });
  });

  it.each<[string, unknown]>([
    ["without a page", { cost: 5 }],
    ["of another form", ["x"]],
    ["that is huge", { body: "x".repeat(9 * 1024 * 1024) }],
  ])("cannot read an answer %s", async (_, answer) => {
    const app = new Hono().all("*", (c) => c.json(answer as object));
    interceptProvider(app, { baseUrl: BASE_URL });
    const client = createScrapingBeeClient({ baseUrl: BASE_URL, apiKey: "x", timeoutMs: 5_000 });
    await expect(client.render("http://a.ro/")).rejects.toMatchObject({ kind: "bad_response" });
  });
});

it("can be checked for free, and tells a wrong key and an empty account", async () => {
  const { simulator } = start();
  const env = { SCRAPINGBEE_BASE_URL: BASE_URL, SCRAPINGBEE_API_KEY: SCRAPINGBEE_KEY };
  await scrapingbee.healthCheck?.(env, context);
  const wrong = scrapingbee.healthCheck?.({ ...env, SCRAPINGBEE_API_KEY: "wrong" }, context);
  await expect(wrong).rejects.toMatchObject({ kind: "unauthorized" });
  simulator.configure({ spent: 1 });
  await expect(scrapingbee.healthCheck?.(env, context)).rejects.toMatchObject({ kind: "spent" });
  expect(simulator.charges()).toEqual({});
});

it("is off without its key", () => {
  expect(scrapingbee.connect({ SCRAPINGBEE_BASE_URL: BASE_URL })).toBeNull();
});
