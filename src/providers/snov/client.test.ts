import { inspect } from "node:util";
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { simulatedCompany } from "#infra/simulator/company.ts";
import type { Simulator } from "#infra/simulator/kit.ts";
import { SNOV_CLIENT, snovSimulator } from "#infra/simulator/snov/app.ts";
import { interceptProvider } from "#tests/support/providers.ts";
import { createSnovClient, type SnovClient } from "./client.ts";

const QUIET = { latencyMs: 0, jitterMs: 0, taskMs: 0, knownPct: 100 };

interface ClientOptions {
  clientSecret?: string;
  timeoutMs?: number;
  pollsAfterMs?: readonly number[];
}

function start(behaviour: Record<string, number> = {}, options: ClientOptions = {}) {
  const simulator = snovSimulator.create({ ...QUIET, ...behaviour });
  return { client: clientOf(simulator.app, options), simulator };
}

function clientOf(
  // biome-ignore lint/suspicious/noExplicitAny: apps differ in their bindings
  app: Hono<any>,
  { clientSecret = SNOV_CLIENT.secret, timeoutMs = 2_000, pollsAfterMs = [1, 20] }: ClientOptions = {},
): SnovClient {
  const { baseUrl } = interceptProvider(app, { baseUrl: "https://snov.test" });
  return createSnovClient({ baseUrl, clientId: SNOV_CLIENT.id, clientSecret, timeoutMs, pollsAfterMs });
}

/** A client that gets a token, and then these answers, the last one again and again. */
function answered(...answers: { body: string; status?: number }[]): SnovClient {
  const app = new Hono();
  app.post("/v1/oauth/access_token", (c) => c.json({ access_token: "t", expires_in: 3_600 }));
  app.all("*", () => {
    const next = answers.length > 1 ? answers.shift() : answers[0];
    return new Response(next?.body, { status: next?.status ?? 200 });
  });
  return clientOf(app);
}

const STARTED = { body: '{"data":{"task_hash":"h"}}' };
const completed = (data: unknown) => ({ body: JSON.stringify({ status: "completed", data }) });

const companies = Array.from({ length: 400 }, (_, index) => simulatedCompany(70_000_003 + index));
const people = companies.flatMap(({ domain, people }) =>
  people.slice(0, 1).map(({ firstName, lastName }) => ({ firstName, lastName, domain: domain ?? "" })),
);
const [person] = people as [(typeof people)[number]];
const addressOf = ({ domain }: { domain: string }) =>
  companies.find((company) => company.domain === domain)?.people[0]?.email;
const firm = companies.find(({ genericEmails }) => genericEmails.length > 0);

const callsOf = (simulator: Simulator) => (simulator.ledger() as { calls: number }).calls;

describe("Snov.io's search of people", () => {
  it.each([0, 1])("brings their addresses, whatever shape they come in (flat: %i)", async (flat) => {
    const { client } = start({ flat });
    const found = await client.findEmails(people.slice(0, 10));
    expect(found.map(({ email }) => email?.email)).toEqual(people.slice(0, 10).map(addressOf));
    expect(new Set(found.map(({ email }) => email?.scorePct))).toEqual(new Set([90, 50]));
  });

  it("charges for those found, and says which", async () => {
    const { client, simulator } = start({ knownPct: 50 });
    const found = await client.findEmails(people.slice(0, 10));
    const charged = found.filter((each) => each.charged).length;
    expect(charged).toBeGreaterThan(0);
    expect(charged).toBeLessThan(10);
    expect(Object.keys(simulator.charges())).toHaveLength(charged);
  });

  it("gives each of them the row that is theirs, when others were left out", async () => {
    const [first, second] = people as [typeof person, typeof person];
    const name = `${second.firstName} ${second.lastName}`;
    const email = `x@${second.domain}`;
    const row = { people: name, result: [{ email, smtp_status: "valid" }] };
    const found = await answered(STARTED, completed([row])).findEmails([first, second]);
    expect(found).toMatchObject([
      { email: null, charged: false },
      { email: { email }, charged: true },
    ]);
  });

  it("takes the best of several, and none elsewhere, which is charged for all the same", async () => {
    const at = person.domain;
    const row = (result: unknown) => completed([{ people: "", result }]);
    const several = [
      { email: `a@${at}`, smtp_status: "unknown" },
      { email: `b@${at}`, smtp_status: "valid" },
      { email: "c@former.example", smtp_status: "valid" },
      { email: "no address" },
    ];
    expect(await answered(STARTED, row(several)).findEmails([person])).toMatchObject([
      { email: { email: `b@${at}` } },
    ]);
    expect(await answered(STARTED, row(several.slice(2))).findEmails([person])).toEqual([
      { email: null, charged: true },
    ]);
    const wrong = [{ email: `d@${at}`, smtp_status: "not_valid" }];
    expect(await answered(STARTED, row(wrong)).findEmails([person])).toEqual([
      { email: null, charged: false },
    ]);
  });

  it("refuses none and more than ten, without a request", async () => {
    const { client, simulator } = start();
    await expect(client.findEmails([])).rejects.toMatchObject({ kind: "rejected" });
    await expect(client.findEmails(people.slice(0, 11))).rejects.toMatchObject({ kind: "rejected" });
    expect(callsOf(simulator)).toBe(0);
  });
});

describe("Snov.io's search of a firm", () => {
  it("brings its mailboxes", async () => {
    const { client, simulator } = start();
    expect(await client.genericContacts(firm?.domain ?? "")).toEqual([
      { email: firm?.genericEmails[0], kind: "generic", scorePct: 80 },
    ]);
    expect(simulator.charges()).toEqual({ [firm?.domain ?? ""]: 36_000 });
  });

  it("finds none, and leaves out what is elsewhere or cannot be read", async () => {
    const { client } = start({ knownPct: 0 });
    expect(await client.genericContacts(firm?.domain ?? "")).toEqual([]);
    const items = [{ email: "Office@agro.example" }, { email: "office@other.example" }, { email: 7 }, null];
    const other = answered({ body: '{"data":[],"meta":{"task_hash":"h/1"}}' }, completed(items));
    expect((await other.genericContacts("agro.example")).map(({ email }) => email)).toEqual([
      "office@agro.example",
    ]);
  });
});

describe("Snov.io's tasks", () => {
  it("are asked about again while they are under way: three requests in all, besides the token", async () => {
    const { client, simulator } = start({ taskMs: 100 }, { pollsAfterMs: [20, 150] });
    expect(await client.findEmails([person])).toMatchObject([{ email: { email: addressOf(person) } }]);
    expect(callsOf(simulator)).toBe(1 + 3);
  });

  it("that do not end in time have an unknown outcome, for they are charged", async () => {
    const { client, simulator } = start({ taskMs: 60_000 });
    await expect(client.findEmails([person])).rejects.toMatchObject({
      kind: "unavailable",
      charged: undefined,
    });
    expect(callsOf(simulator)).toBe(1 + 3);
  });

  it("survive a poll that fails", async () => {
    const ended = completed([
      { people: "", result: [{ email: `x@${person.domain}`, smtp_status: "valid" }] },
    ]);
    for (const failure of [{ body: "{}", status: 429 }, { body: "<html>" }, { body: "[1]" }]) {
      const client = answered(STARTED, failure, ended);
      expect(await client.findEmails([person])).toMatchObject([{ charged: true }]);
    }
  });

  it("whose polls are refused were started all the same: nobody may take that for not asked", async () => {
    for (const refusal of [429, 402, 401, 404, 400]) {
      const client = answered(STARTED, { body: "{}", status: refusal });
      await expect(client.findEmails([person])).rejects.toMatchObject({
        kind: "unavailable",
        charged: undefined,
      });
    }
  });

  it("without an id have an unknown outcome, too", async () => {
    const client = answered({ body: '{"data":[]}' });
    await expect(client.findEmails([person])).rejects.toMatchObject({
      kind: "unavailable",
      charged: undefined,
    });
  });
});

describe("Snov.io's token", () => {
  it("is shared by searches at the same time", async () => {
    const { client, simulator } = start();
    await Promise.all([client.findEmails([person]), client.genericContacts(person.domain)]);
    expect(callsOf(simulator)).toBe(1 + 2 + 2);
  });

  it("that ended before its time is replaced", async () => {
    let issued = 0;
    const app = new Hono();
    app.post("/v1/oauth/access_token", (c) => c.json({ access_token: `t${++issued}`, expires_in: 3_600 }));
    app.all("*", (c) => {
      const isCurrent = c.req.header("authorization") === "Bearer t2";
      return isCurrent ? c.json({ data: { balance: 5 } }) : c.json({}, 401);
    });
    await clientOf(app).checkAccount();
    expect(issued).toBe(2);
  });

  it("is refused to wrong credentials, and nothing was asked then", async () => {
    const { client } = start({}, { clientSecret: "wrong" });
    await expect(client.findEmails([person])).rejects.toMatchObject({ kind: "unauthorized", charged: false });
  });

  it("that cannot be had is an outage before anything was asked", async () => {
    const { client } = start({ errorEvery: 1 });
    await expect(client.findEmails([person])).rejects.toMatchObject({ kind: "unavailable", charged: false });
  });
});

describe("Snov.io's refusals of a start", () => {
  it("429 is too fast, counted over all that the account asks", async () => {
    const { client } = start();
    for (let round = 0; round < 29; round++) await client.findEmails([person]);
    await client.checkAccount();
    await expect(client.findEmails([person])).rejects.toMatchObject({ kind: "rate_limited", charged: false });
  });

  it("402 is spent credit", async () => {
    const { client } = start({ spent: 1 });
    await expect(client.findEmails([person])).rejects.toMatchObject({ kind: "spent", charged: false });
    await expect(client.checkAccount()).rejects.toMatchObject({ kind: "spent" });
  });

  it.each([
    ["a maintenance page", { htmlEvery: 2 }, { kind: "unavailable", httpStatus: 200 }],
    ["a server error", { errorEvery: 2 }, { kind: "unavailable", httpStatus: 500 }],
    ["a reset connection", { resetEvery: 2 }, { kind: "unavailable", httpStatus: null }],
  ])("%s is an outage of unknown outcome", async (_, behaviour, expected) => {
    // The first request is the token's.
    const { client } = start(behaviour);
    await expect(client.findEmails([person])).rejects.toMatchObject({ ...expected, charged: undefined });
  });

  it("a late answer is an outage, too", async () => {
    const { client } = start({ slowEvery: 2, slowMs: 1_000 }, { timeoutMs: 100 });
    await expect(client.findEmails([person])).rejects.toMatchObject({
      kind: "unavailable",
      httpStatus: null,
    });
  });

  it("a huge answer is none that we can read", async () => {
    const client = answered({ body: JSON.stringify({ data: { task_hash: "x".repeat(2_000_000) } }) });
    await expect(client.findEmails([person])).rejects.toMatchObject({
      kind: "bad_response",
      charged: undefined,
    });
  });

  it("no error holds a secret, a token, the name or the domain", async () => {
    const errors: unknown[] = [];
    const behaviours: Record<string, number>[] = [
      { resetEvery: 2 },
      { errorEvery: 2 },
      { spent: 1 },
      { taskMs: 60_000 },
    ];
    for (const behaviour of behaviours) {
      errors.push(
        await start(behaviour)
          .client.findEmails([person])
          .catch((error: Error) => error),
      );
    }
    expect(errors.every((error) => error instanceof Error)).toBe(true);
    expect(inspect(errors, { depth: 10 })).not.toMatch(
      new RegExp(`${SNOV_CLIENT.secret}|Bearer|simulated-\\d|${person.domain}|${person.lastName}`, "i"),
    );
  });
});
