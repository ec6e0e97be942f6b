import { inspect } from "node:util";
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { simulatedCompany } from "#infra/simulator/company.ts";
import type { Simulator } from "#infra/simulator/kit.ts";
import { ZEROBOUNCE_KEY, zerobounceSimulator } from "#infra/simulator/zerobounce/app.ts";
import { interceptProvider } from "#tests/support/providers.ts";
import { createZeroBounceClient, type ZeroBounceClient } from "./client.ts";

const QUIET = { latencyMs: 0, jitterMs: 0, unknownPct: 0 };

function start(behaviour: Record<string, number> = {}): { client: ZeroBounceClient; simulator: Simulator } {
  const simulator = zerobounceSimulator.create({ ...QUIET, ...behaviour });
  return { client: clientOf(simulator.app), simulator };
}

// biome-ignore lint/suspicious/noExplicitAny: apps differ in their bindings
function clientOf(app: Hono<any>, { apiKey = ZEROBOUNCE_KEY, timeoutMs = 2_000 } = {}): ZeroBounceClient {
  const intercepted = interceptProvider(app, { baseUrl: "https://zerobounce.test/v2" });
  return createZeroBounceClient({
    baseUrl: intercepted.baseUrl,
    apiKey,
    timeoutMs,
    batchTimeoutMs: timeoutMs,
  });
}

/** A client that gets this answer, whatever it asks. */
const answered = (body: string, status = 200) =>
  clientOf(new Hono().all("*", () => new Response(body, { status })));

const mailboxes = Array.from({ length: 300 }, (_, index) => simulatedCompany(50_000_003 + index)).flatMap(
  ({ genericEmails, people }) => [...genericEmails, ...people.map(({ email }) => email)],
);
const address = mailboxes[0] as string;

/** Both ways to ask, to be used where they behave alike. */
const both: [string, (client: ZeroBounceClient) => Promise<unknown>][] = [
  ["validate", (client) => client.validate(address)],
  ["validatebatch", (client) => client.validateBatch([address])],
];

describe("ZeroBounce about one address", () => {
  it.each([
    ["valid", "valid", null, true],
    ["invalid", "invalid", "mailbox_not_found", true],
    ["catch_all", "catch-all", null, true],
    ["unknown", "unknown", "mail_server_temporary_error", true],
    ["role_based", "do_not_mail", "role_based", true],
    ["spamtrap", "spamtrap", null, true],
  ])(
    "%s@example.com is %s, as in the vendor's sandbox, free of charge",
    async (local, status, subStatus, mxFound) => {
      const { client, simulator } = start();
      expect(await client.validate(`${local}@example.com`)).toEqual({
        address: `${local}@example.com`,
        status,
        subStatus,
        freeEmail: false,
        didYouMean: null,
        mxFound,
      });
      expect(simulator.charges()).toEqual({});
    },
  );

  it("reads what is a text today and a flag tomorrow, and takes a new status for unknown", async () => {
    const body = {
      address: "Office@Agro.example",
      status: "paused",
      sub_status: 7,
      mx_found: "True",
      free_email: 1,
    };
    expect(await answered(JSON.stringify(body)).validate("office@agro.example")).toEqual({
      address: "office@agro.example",
      status: "unknown",
      subStatus: "7",
      freeEmail: null,
      didYouMean: null,
      mxFound: true,
    });
  });

  it("refuses an answer about another address", async () => {
    const client = answered(JSON.stringify({ address: "other@agro.example", status: "valid" }));
    await expect(client.validate("office@agro.example")).rejects.toMatchObject({ kind: "bad_response" });
  });
});

describe("ZeroBounce about many addresses", () => {
  it("answers about a hundred, and charges all but the unknown", async () => {
    const { client, simulator } = start({ unknownPct: 20 });
    const asked = mailboxes.slice(0, 100);
    const results = await client.validateBatch(asked);
    expect([...results.keys()]).toEqual(asked);
    const unknown = [...results.values()].filter(({ status }) => status === "unknown");
    expect(unknown.length).toBeGreaterThan(5);
    expect(Object.keys(simulator.charges())).toHaveLength(100 - unknown.length);
  });

  it("knows all kinds of mailboxes, and those of nobody", async () => {
    const { client } = start({ unknownPct: 4 });
    const statuses = new Set<string>();
    for (let from = 0; from < mailboxes.length; from += 100) {
      const results = await client.validateBatch(mailboxes.slice(from, from + 100));
      for (const { status, subStatus } of results.values())
        statuses.add(subStatus === "role_based" ? subStatus : status);
    }
    expect(statuses).toEqual(
      new Set(["valid", "invalid", "catch-all", "unknown", "role_based", "spamtrap", "abuse"]),
    );
    expect(await client.validate("office@nobody.example")).toMatchObject({
      status: "invalid",
      subStatus: "no_dns_entries",
      mxFound: false,
    });
  });

  it("refuses none and more than a hundred, without a request", async () => {
    const { client, simulator } = start();
    await expect(client.validateBatch([])).rejects.toMatchObject({ kind: "rejected" });
    const tooMany = Array.from({ length: 101 }, (_, index) => `a${index}@example.com`);
    await expect(client.validateBatch(tooMany)).rejects.toMatchObject({ kind: "rejected" });
    expect(simulator.ledger()).toMatchObject({ calls: 0 });
  });

  it("leaves out what it cannot read, and no other", async () => {
    const client = answered(
      JSON.stringify({
        email_batch: [{ address: "a@agro.example", status: "valid" }, { address: "b@agro.example" }, null],
        errors: [{ error: "Invalid email", email_address: "c@agro.example" }],
      }),
    );
    const results = await client.validateBatch(["a@agro.example", "b@agro.example", "c@agro.example"]);
    expect([...results.keys()]).toEqual(["a@agro.example"]);
  });
});

describe.each(both)("ZeroBounce's refusals of %s", (path, ask) => {
  const blockMs = path === "validate" ? 60_000 : 600_000;

  it("403 is the API Shield: to wait, and not a matter of the key", async () => {
    await expect(ask(start({ shielded: 1 }).client)).rejects.toMatchObject({
      kind: "rate_limited",
      httpStatus: 403,
      retryAfterMs: blockMs,
    });
    await expect(ask(answered('{"error":"Forbidden"}', 403))).rejects.toMatchObject({ kind: "rate_limited" });
  });

  it("429 is a block of minutes", async () => {
    await expect(ask(answered("Too many", 429))).rejects.toMatchObject({
      kind: "rate_limited",
      retryAfterMs: blockMs,
    });
  });

  it("spent credit is told from a wrong key", async () => {
    await expect(ask(start({ spent: 1 }).client)).rejects.toMatchObject({ kind: "spent" });
    const client = clientOf(zerobounceSimulator.create(QUIET).app, { apiKey: "wrong" });
    await expect(ask(client)).rejects.toMatchObject({ kind: "unauthorized" });
  });

  it("any other sentence in place of an answer is a refusal", async () => {
    await expect(ask(answered('{"error":"Invalid email_address"}'))).rejects.toMatchObject({
      kind: "rejected",
    });
  });

  it.each([
    ["a maintenance page", { htmlEvery: 1 }, { kind: "unavailable", httpStatus: 200 }],
    ["a server error", { errorEvery: 1 }, { kind: "unavailable", httpStatus: 500 }],
    ["a reset connection", { resetEvery: 1 }, { kind: "unavailable", httpStatus: null }],
  ])("%s is an outage, after which nobody knows what was charged", async (_, behaviour, expected) => {
    await expect(ask(start(behaviour).client)).rejects.toMatchObject({ ...expected, charged: undefined });
  });

  it("a late answer is an outage, too", async () => {
    const { app } = zerobounceSimulator.create({ ...QUIET, slowEvery: 1, slowMs: 1_000 });
    await expect(ask(clientOf(app, { timeoutMs: 100 }))).rejects.toMatchObject({ kind: "unavailable" });
  });

  it.each([
    ["another shape", '{"result":"ok"}'],
    ["no object", "[1]"],
    ["a huge answer", JSON.stringify({ address, status: "valid", email_batch: ["x".repeat(2_000_000)] })],
  ])("%s is no answer that we can read", async (_, body) => {
    await expect(ask(answered(body))).rejects.toMatchObject({ kind: "bad_response" });
  });

  it("no error holds the key, which stands in the URL, or the address", async () => {
    const { client, simulator } = start({ resetEvery: 1 });
    const errors = [await ask(client).catch((error: Error) => error)];
    for (const change of [{ errorEvery: 1 }, { errorEvery: 0, spent: 1 }]) {
      simulator.configure({ resetEvery: 0, ...change });
      errors.push(await ask(client).catch((error: Error) => error));
    }
    expect(errors.every((error) => error instanceof Error)).toBe(true);
    expect(inspect(errors, { depth: 10 })).not.toMatch(
      new RegExp(`${ZEROBOUNCE_KEY}|@|${address.split("@")[1]}`, "i"),
    );
  });
});

describe("ZeroBounce's limit of batches", () => {
  it("is 30 a minute, and then nothing is answered for ten", async () => {
    const { client } = start();
    for (let batch = 0; batch < 30; batch++) await client.validateBatch(["valid@example.com"]);
    await expect(client.validateBatch(["valid@example.com"])).rejects.toMatchObject({ kind: "rate_limited" });
    // Single addresses have a limit of their own.
    expect(await client.validate("valid@example.com")).toMatchObject({ status: "valid" });
  });
});
