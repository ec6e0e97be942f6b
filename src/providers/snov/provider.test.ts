import { describe, expect, it } from "vitest";
import { z } from "zod";
import { simulatedCompany } from "#infra/simulator/company.ts";
import { SNOV_CLIENT, snovSimulator } from "#infra/simulator/snov/app.ts";
import { createLogger } from "#src/platform/logger.ts";
import { interceptProvider } from "#tests/support/providers.ts";
import { createSnovClient, POLLS_AFTER_MS } from "./client.ts";
import { operationsOf, SNOV_CREDIT_MICROS, snov } from "./provider.ts";

const { signal } = new AbortController();
const context = { signal, onSent: () => {}, asOf: "2026-11-22", logger: createLogger("silent") };

function start(behaviour: Record<string, number> = {}) {
  const simulator = snovSimulator.create({
    latencyMs: 0,
    jitterMs: 0,
    taskMs: 0,
    knownPct: 60,
    ...behaviour,
  });
  const intercepted = interceptProvider(simulator.app, { baseUrl: "https://snov.test" });
  const env = z.object(snov.env).parse(simulator.env(intercepted.baseUrl));
  const client = createSnovClient({
    baseUrl: env.SNOV_BASE_URL,
    clientId: SNOV_CLIENT.id,
    clientSecret: SNOV_CLIENT.secret,
    pollsAfterMs: [10],
  });
  return { simulator, env, ...operationsOf(client) };
}

const people = Array.from({ length: 60 }, (_, index) => simulatedCompany(70_000_003 + index))
  .flatMap(({ domain, people }) =>
    people.map(({ firstName, lastName }) => ({ firstName, lastName, domain: domain ?? "" })),
  )
  .slice(0, 10);
const domains = [...new Set(people.map(({ domain }) => domain))].slice(0, 2);

describe("Snov.io", () => {
  it("is off without both of its credentials", () => {
    const envOf = (given: Record<string, string>) => z.object(snov.env).parse(given);
    expect(snov.connect(envOf({ SNOV_CLIENT_ID: "id" }))).toBeNull();
    expect(snov.connect(envOf({ SNOV_CLIENT_ID: "id", SNOV_CLIENT_SECRET: "secret" }))).not.toBeNull();
  });

  it("cannot exceed the account's 60 requests a minute, even if every search needs all its polls", () => {
    const { findEmails, genericContacts } = start();
    expect(genericContacts.limit.name).toBe(findEmails.limit.name);
    expect(genericContacts.limit.windows).toEqual(findEmails.limit.windows);
    const [{ limit = 0, periodMs = 0 } = {}] = findEmails.limit.windows;
    expect(periodMs).toBe(60_000);
    expect(limit * (1 + POLLS_AFTER_MS.length)).toBeLessThan(60);
  });

  it("names people by a digest, under which it books what its ledger does", async () => {
    const { simulator, findEmails, genericContacts } = start();
    const searches = [
      findEmails.ask(people, context),
      ...domains.map((domain) => genericContacts.ask([domain], context)),
    ];
    const answers = (await Promise.all(searches)).flatMap((each) => [...each]);
    expect(answers).toHaveLength(people.length + domains.length);
    const costs = answers.map(([key, { costMicros = SNOV_CREDIT_MICROS }]) => [key, costMicros] as const);
    expect(costs.some(([, cost]) => cost === 0)).toBe(true);
    expect(costs.slice(0, people.length).every(([key]) => /^[0-9a-f]{64}$/.test(key))).toBe(true);
    expect(simulator.charges()).toEqual(Object.fromEntries(costs.filter(([, cost]) => cost > 0)));
  });

  it("is well while its credentials are accepted", async () => {
    const { env } = start();
    await snov.healthCheck?.(env, { signal });
    const wrong = snov.healthCheck?.({ ...env, SNOV_CLIENT_SECRET: "wrong" }, { signal });
    await expect(wrong).rejects.toMatchObject({ kind: "unauthorized" });
  });
});
