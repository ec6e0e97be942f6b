import { inspect } from "node:util";
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { simulatedCompany } from "#infra/simulator/company.ts";
import { HUNTER_KEY, hunterSimulator } from "#infra/simulator/hunter/app.ts";
import type { Simulator } from "#infra/simulator/kit.ts";
import { interceptProvider } from "#tests/support/providers.ts";
import { createHunterClient, type HunterClient } from "./client.ts";

const QUIET = { latencyMs: 0, jitterMs: 0, knownPct: 100, claimedPct: 0 };

function start(behaviour: Record<string, number> = {}): { client: HunterClient; simulator: Simulator } {
  const simulator = hunterSimulator.create({ ...QUIET, ...behaviour });
  return { client: clientOf(simulator.app), simulator };
}

/** A client whose requests go to this app. */
// biome-ignore lint/suspicious/noExplicitAny: apps differ in their bindings
function clientOf(app: Hono<any>, { apiKey = HUNTER_KEY, timeoutMs = 2_000 } = {}): HunterClient {
  const { baseUrl } = interceptProvider(app, { baseUrl: "https://hunter.test/v2" });
  return createHunterClient({ baseUrl, apiKey, timeoutMs });
}

/** A client that gets this answer, whatever it asks. */
const answered = (body: string, status = 200) =>
  clientOf(new Hono().all("*", () => new Response(body, { status })));

const company = Array.from({ length: 200 }, (_, index) => simulatedCompany(40_000_003 + index)).find(
  ({ domain, people, genericEmails }) => domain && people.length > 1 && genericEmails.length > 0,
);
const domain = company?.domain as string;
const somebody = company?.people[0] as { firstName: string; lastName: string; email: string };
const person = { firstName: somebody.firstName, lastName: somebody.lastName, domain };

describe("Hunter's domain search", () => {
  it("brings the mailboxes of the firm and of its people, the best first", async () => {
    const { client, simulator } = start();
    const { emails, returned } = await client.domainSearch(domain);
    expect(returned).toBe((company?.people.length ?? 0) + 1);
    expect(emails.map(({ kind }) => kind).toSorted()).toEqual([
      "generic",
      ...(company?.people ?? []).map(() => "personal"),
    ]);
    expect(emails.map(({ scorePct }) => scorePct)).toEqual(
      emails.map(({ scorePct }) => scorePct).toSorted((a, b) => b - a),
    );
    expect(emails.find(({ email }) => email === somebody.email)).toMatchObject({
      name: `${person.firstName} ${person.lastName}`,
      position: "Administrator",
    });
    expect(simulator.charges()).toEqual({ [domain]: 22_500 });
  });

  it("finds nothing at a domain that Hunter does not know, and that is free", async () => {
    const { client, simulator } = start({ knownPct: 0 });
    expect(await client.domainSearch(domain)).toEqual({ emails: [], returned: 0 });
    expect(simulator.charges()).toEqual({});
  });

  it("leaves out items that it cannot read and addresses elsewhere, which are paid for all the same", async () => {
    const emails = [
      { value: "Office@Agro.example ", type: "generic", confidence: "91", verification: null },
      { value: "no address", type: "generic", confidence: 90 },
      { value: "ion@other.example", type: "personal", confidence: 90 },
      { value: "ion@agro.example", type: 7, confidence: 190 },
      {
        value: "ana@agro.example",
        first_name: "Ştefana",
        position: 5,
        verification: { status: "disposable" },
      },
      null,
    ];
    const client = answered(JSON.stringify({ data: { emails }, meta: {} }));
    expect(await client.domainSearch("agro.example")).toEqual({
      emails: [
        {
          email: "office@agro.example",
          kind: "generic",
          scorePct: 91,
          verification: "unknown",
          name: null,
          position: null,
        },
      ],
      returned: 6,
    });
  });
});

describe("Hunter's email finder", () => {
  it("finds a person's address", async () => {
    const { client, simulator } = start();
    const finding = await client.findEmail({ ...person, firstName: person.firstName.toUpperCase() });
    expect(finding).toMatchObject({ claimed: false, email: { email: somebody.email, kind: "personal" } });
    expect(Object.values(simulator.charges())).toEqual([22_500]);
  });

  it("finds nobody, free of charge", async () => {
    const { client, simulator } = start();
    expect(await client.findEmail({ ...person, lastName: "Nimeni" })).toBeNull();
    expect(simulator.charges()).toEqual({});
  });

  it("tells of a person who has asked not to be processed, free of charge and without the address", async () => {
    const { client, simulator } = start({ claimedPct: 100 });
    expect(await client.findEmail(person)).toEqual({ claimed: true });
    expect(simulator.charges()).toEqual({});
  });
});

describe("Hunter's refusals", () => {
  it("403 is too fast, and not a matter of the key", async () => {
    const { client } = start();
    await Promise.all(Array.from({ length: 15 }, () => client.domainSearch(domain)));
    await expect(client.domainSearch(domain)).rejects.toMatchObject({
      kind: "rate_limited",
      httpStatus: 403,
      retryAfterMs: 5_000,
    });
    // The other endpoint has a limit of its own.
    expect(await client.findEmail(person)).not.toBeNull();
  });

  it("429 is spent credit", async () => {
    const { client } = start({ spent: 1 });
    await expect(client.domainSearch(domain)).rejects.toMatchObject({ kind: "spent", httpStatus: 429 });
  });

  it("a wrong key is one", async () => {
    const client = clientOf(hunterSimulator.create(QUIET).app, { apiKey: "wrong" });
    await expect(client.domainSearch(domain)).rejects.toMatchObject({ kind: "unauthorized" });
  });

  it("222 is a mail server that did not say: to be asked again, and not charged", async () => {
    const client = answered('{"data":{"email":null}}', 222);
    await expect(client.findEmail(person)).rejects.toMatchObject({ kind: "unavailable", charged: false });
  });

  it.each([
    ["a maintenance page", { htmlEvery: 1 }, { kind: "unavailable", httpStatus: 200 }],
    ["a server error", { errorEvery: 1 }, { kind: "unavailable", httpStatus: 500 }],
    ["a reset connection", { resetEvery: 1 }, { kind: "unavailable", httpStatus: null }],
  ])("%s is an outage", async (_, behaviour, expected) => {
    await expect(start(behaviour).client.domainSearch(domain)).rejects.toMatchObject(expected);
  });

  it("a late answer is an outage, too", async () => {
    const { app } = hunterSimulator.create({ ...QUIET, slowEvery: 1, slowMs: 1_000 });
    const client = clientOf(app, { timeoutMs: 100 });
    await expect(client.domainSearch(domain)).rejects.toMatchObject({
      kind: "unavailable",
      httpStatus: null,
    });
  });

  it.each([
    ["another shape", '{"data":[]}'],
    ["no object", "[1]"],
    ["a huge answer", JSON.stringify({ data: { emails: ["x".repeat(2_000_000)] } })],
  ])("%s is no answer that we can read", async (_, body) => {
    const client = answered(body);
    await expect(client.domainSearch(domain)).rejects.toMatchObject({ kind: "bad_response" });
    await expect(client.findEmail(person)).rejects.toMatchObject({ kind: "bad_response" });
  });

  it("no error holds the key, the name or the domain", async () => {
    const { client, simulator } = start({ resetEvery: 1 });
    const errors = [await client.findEmail(person).catch((error: Error) => error)];
    for (const change of [{ errorEvery: 1 }, { errorEvery: 0, spent: 1 }]) {
      simulator.configure({ resetEvery: 0, ...change });
      errors.push(await client.findEmail(person).catch((error: Error) => error));
    }
    expect(errors.every((error) => error instanceof Error)).toBe(true);
    expect(inspect(errors, { depth: 10 })).not.toMatch(
      new RegExp([HUNTER_KEY, domain, person.lastName].join("|"), "i"),
    );
  });
});
