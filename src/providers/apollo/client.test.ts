import { inspect } from "node:util";
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { APOLLO_KEY, apolloSimulator } from "#infra/simulator/apollo/app.ts";
import { simulatedCompany } from "#infra/simulator/company.ts";
import type { Simulator } from "#infra/simulator/kit.ts";
import { interceptProvider } from "#tests/support/providers.ts";
import { type ApolloClient, createApolloClient } from "./client.ts";

const QUIET = { latencyMs: 0, jitterMs: 0, knownPct: 100, lockedPct: 0 };

function start(behaviour: Record<string, number> = {}): { client: ApolloClient; simulator: Simulator } {
  const simulator = apolloSimulator.create({ ...QUIET, ...behaviour });
  return { client: clientOf(simulator.app), simulator };
}

// biome-ignore lint/suspicious/noExplicitAny: apps differ in their bindings
function clientOf(app: Hono<any>, { apiKey = APOLLO_KEY, timeoutMs = 2_000 } = {}): ApolloClient {
  const { baseUrl } = interceptProvider(app, { baseUrl: "https://apollo.test/api/v1" });
  return createApolloClient({ baseUrl, apiKey, timeoutMs });
}

/** A client that gets this answer, whatever it asks. */
const answered = (body: string, status = 200) =>
  clientOf(new Hono().all("*", () => new Response(body, { status })));

const matched = (person: unknown) => answered(JSON.stringify({ person })).matchPerson(PERSON);

const { domain, people } = Array.from({ length: 200 }, (_, index) =>
  simulatedCompany(60_000_003 + index),
).find((company) => company.people.length > 0) as ReturnType<typeof simulatedCompany> & { domain: string };
const [somebody] = people;
const PERSON = { firstName: somebody?.firstName ?? "", lastName: somebody?.lastName ?? "", domain };

describe("Apollo's match of a person", () => {
  it("brings the business address, by parameters in the query", async () => {
    const { client, simulator } = start();
    expect(await client.matchPerson(PERSON)).toMatchObject({
      email: { email: somebody?.email, kind: "personal", position: "Administrator" },
    });
    expect(Object.values(simulator.charges())).toHaveLength(1);
  });

  it("is nobody, free of charge, in an answer with status 200", async () => {
    const { client, simulator } = start({ knownPct: 0 });
    expect(await client.matchPerson(PERSON)).toBeNull();
    expect(simulator.charges()).toEqual({});
  });

  it("has no address where it is locked, though the match is charged for", async () => {
    const { client, simulator } = start({ lockedPct: 100 });
    expect(await client.matchPerson(PERSON)).toEqual({ email: null });
    expect(Object.values(simulator.charges())).toHaveLength(1);
  });

  it.each([
    [{ email: `ion@${domain}`, email_status: "verified", title: "Administrator" }, 90],
    [{ email: `ion@${domain}`, email_status: "likely to engage", title: 7 }, 80],
    [{ email: `ION@${domain} `, email_status: "extrapolated" }, 50],
  ])("of %j has the score %i", async (person, scorePct) => {
    expect(await matched(person)).toMatchObject({ email: { email: `ion@${domain}`, scorePct } });
  });

  it.each([
    [{ email: "ion@former-employer.example", email_status: "verified" }],
    [{ email: `email_not_unlocked@${domain}` }],
    [{ email: null }],
    [{ email: "no address" }],
    [{}],
  ])("%j has no address of use", async (person) => {
    expect(await matched(person)).toEqual({ email: null });
  });
});

describe("Apollo's refusals", () => {
  it("429 says how long to wait", async () => {
    const { client, simulator } = start();
    for (let request = 0; request < 1_000; request++)
      await simulator.app.request("/people/match", { method: "POST" });
    await expect(client.matchPerson(PERSON)).rejects.toMatchObject({
      kind: "rate_limited",
      retryAfterMs: 12_000,
    });
  });

  it("spent credit, a wrong key and the free plan are told apart from a wrong question", async () => {
    const { client, simulator } = start({ spent: 1 });
    await expect(client.matchPerson(PERSON)).rejects.toMatchObject({ kind: "spent" });
    simulator.configure({ spent: 0, freePlan: 1 });
    await expect(client.matchPerson(PERSON)).rejects.toMatchObject({ kind: "unauthorized", httpStatus: 403 });
    const stranger = clientOf(simulator.app, { apiKey: "wrong" });
    await expect(stranger.matchPerson(PERSON)).rejects.toMatchObject({
      kind: "unauthorized",
      httpStatus: 401,
    });
    await expect(
      answered('{"error":"Parameters are missing"}', 422).matchPerson(PERSON),
    ).rejects.toMatchObject({
      kind: "rejected",
    });
  });

  it.each([
    ["a maintenance page", { htmlEvery: 1 }, { kind: "unavailable", httpStatus: 200 }],
    ["a server error", { errorEvery: 1 }, { kind: "unavailable", httpStatus: 500 }],
    ["a reset connection", { resetEvery: 1 }, { kind: "unavailable", httpStatus: null }],
  ])("%s is an outage", async (_, behaviour, expected) => {
    await expect(start(behaviour).client.matchPerson(PERSON)).rejects.toMatchObject(expected);
  });

  it("a late answer is an outage, too", async () => {
    const { app } = apolloSimulator.create({ ...QUIET, slowEvery: 1, slowMs: 1_000 });
    await expect(clientOf(app, { timeoutMs: 100 }).matchPerson(PERSON)).rejects.toMatchObject({
      kind: "unavailable",
      httpStatus: null,
    });
  });

  it.each([
    ["another shape", '{"people":[]}'],
    ["no object", "[1]"],
    ["a huge answer", JSON.stringify({ person: { headline: "x".repeat(2_000_000) } })],
  ])("%s is no answer that we can read", async (_, body) => {
    await expect(answered(body).matchPerson(PERSON)).rejects.toMatchObject({ kind: "bad_response" });
  });

  it("no error holds the key, or the name and the domain, which stand in the URL", async () => {
    const { client, simulator } = start({ resetEvery: 1 });
    const errors = [await client.matchPerson(PERSON).catch((error: Error) => error)];
    for (const change of [{ errorEvery: 1 }, { errorEvery: 0, spent: 1 }]) {
      simulator.configure({ resetEvery: 0, ...change });
      errors.push(await client.matchPerson(PERSON).catch((error: Error) => error));
    }
    expect(errors.every((error) => error instanceof Error)).toBe(true);
    expect(inspect(errors, { depth: 10 })).not.toMatch(
      new RegExp(`${APOLLO_KEY}|${domain}|${PERSON.lastName}`, "i"),
    );
  });
});
