import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { simulatedCompany } from "#infra/simulator/company.ts";
import type { Simulator } from "#infra/simulator/kit.ts";
import { WEBSEARCH_KEY, websearchSimulator } from "#infra/simulator/websearch/app.ts";
import { interceptProvider } from "#tests/support/providers.ts";
import { hashedKey } from "../subject-key.ts";
import { createBraveClient, type WebSearchClient } from "./client.ts";
import { WEBSEARCH_REQUEST_MICROS, websearch } from "./provider.ts";
import { readHits } from "./schemas.ts";

function start(
  behaviour: Record<string, number> = {},
  apiKey = WEBSEARCH_KEY,
): { client: WebSearchClient; simulator: Simulator } {
  const simulator = websearchSimulator.create({ latencyMs: 0, jitterMs: 0, knownPct: 100, ...behaviour });
  const intercepted = interceptProvider(simulator.app, { baseUrl: "https://search.test/res/v1" });
  return { client: createBraveClient({ baseUrl: intercepted.baseUrl, apiKey, timeoutMs: 1_000 }), simulator };
}

const cui = Array.from({ length: 50 }, (_, index) => 20_000_000 + index).find(
  (id) => simulatedCompany(id).domain !== null,
) as number;

describe("the client of the web search", () => {
  it("finds pages, and pays for the search", async () => {
    const { client, simulator } = start();
    const hits = await client.search(`"AGRO X SRL" ${cui}`);
    expect(hits.map(({ url }) => url)).toContain(`https://www.${simulatedCompany(cui).domain}/contact`);
    expect(simulator.charges()).toEqual({ [hashedKey(`"AGRO X SRL" ${cui}`)]: WEBSEARCH_REQUEST_MICROS });
  });

  it("finds nothing, which is an answer too", async () => {
    const { client, simulator } = start();
    expect(await client.search("nimic")).toEqual([]);
    expect(Object.values(simulator.charges())).toEqual([WEBSEARCH_REQUEST_MICROS]);
  });

  it("asks no more than may be asked", async () => {
    const { client } = start();
    expect(await client.search("x".repeat(1_000))).toEqual([]);
    await expect(client.search("")).rejects.toMatchObject({ kind: "rejected", charged: false });
  });

  it("knows the month's quota from the second's limit", async () => {
    const { client, simulator } = start();
    const asked = await Promise.allSettled(Array.from({ length: 60 }, () => client.search("nimic")));
    const refused = asked.filter(({ status }) => status === "rejected");
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]).toMatchObject({ reason: { kind: "rate_limited", retryAfterMs: 1_000 } });
    simulator.configure({ spent: 1, limited: 0 });
    await expect(client.search("nimic")).rejects.toMatchObject({ kind: "spent" });
  });

  it("says when its key is wrong", async () => {
    const { client } = start({}, "wrong-key");
    await expect(client.search("x")).rejects.toMatchObject({ kind: "unauthorized", httpStatus: 422 });
  });

  it.each([
    ["a server error", { errorEvery: 1 }, 500],
    ["a maintenance page", { htmlEvery: 1 }, 200],
    ["a broken connection", { resetEvery: 1 }, null],
    ["silence", { slowEvery: 1, slowMs: 2_500 }, null],
  ])("takes %s for an outage", async (_, behaviour, httpStatus) => {
    const { client } = start(behaviour);
    await expect(client.search("x")).rejects.toMatchObject({ kind: "unavailable", httpStatus });
  });

  it.each<[string, unknown]>([
    ["of another form", { message: "hello" }],
    ["that is huge", { type: "search", more: "x".repeat(3_000_000) }],
  ])("cannot read an answer %s", async (_, answer) => {
    const app = new Hono().all("*", (c) => c.json(answer as object));
    const intercepted = interceptProvider(app, { baseUrl: "https://search.test/res/v1" });
    const client = createBraveClient({ baseUrl: intercepted.baseUrl, apiKey: "x" });
    await expect(client.search("x")).rejects.toMatchObject({ kind: "bad_response" });
  });
});

describe("an answer of the search", () => {
  it("keeps its good hits when some are odd, and no more than twenty", () => {
    const good = { url: "https://agro.ro/", title: "Agro", description: "CNP 1960229990019" };
    const results = [null, {}, { url: "javascript:alert(1)" }, { url: "x" }, ...Array(30).fill(good)];
    const hits = readHits({ type: "search", web: { results } });
    expect(hits).toHaveLength(16);
    expect(hits?.[0]).toEqual({ url: "https://agro.ro/", title: "Agro", description: "CNP [CNP]" });
  });

  it("that is something else is none", () => {
    for (const body of [null, [], "x", {}, { type: "other" }, { type: "search", web: { results: 3 } }]) {
      expect(readHits(body)).toBeNull();
    }
    expect(readHits({ type: "search" })).toEqual([]);
  });
});

it("is off by default", () => {
  expect(websearch.connect({ WEBSEARCH_BASE_URL: "https://search.test" })).toBeNull();
});
