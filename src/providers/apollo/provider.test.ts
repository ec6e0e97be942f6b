import { describe, expect, it } from "vitest";
import { z } from "zod";
import { apolloSimulator } from "#infra/simulator/apollo/app.ts";
import { simulatedCompany } from "#infra/simulator/company.ts";
import { createLogger } from "#src/platform/logger.ts";
import { interceptProvider } from "#tests/support/providers.ts";
import { APOLLO_CREDIT_MICROS, apollo } from "./provider.ts";

const { signal } = new AbortController();
const context = { signal, onSent: () => {}, asOf: "2026-11-22", logger: createLogger("silent") };

function start(behaviour: Record<string, number> = {}) {
  const simulator = apolloSimulator.create({
    latencyMs: 0,
    jitterMs: 0,
    knownPct: 60,
    lockedPct: 30,
    ...behaviour,
  });
  const intercepted = interceptProvider(simulator.app, { baseUrl: "https://apollo.test/api/v1" });
  const env = z.object(apollo.env).parse(simulator.env(intercepted.baseUrl));
  const operations = apollo.connect(env);
  if (!operations) throw new Error("It has a key.");
  return { simulator, env, ...operations };
}

const people = Array.from({ length: 100 }, (_, index) => simulatedCompany(60_000_003 + index)).flatMap(
  ({ domain, people }) =>
    people.map(({ firstName, lastName }) => ({ firstName, lastName, domain: domain ?? "" })),
);

describe("Apollo", () => {
  it("is off without a key", () => {
    expect(apollo.connect(z.object(apollo.env).parse({}))).toBeNull();
  });

  it("names people by a digest, under which it books what its ledger does: found, locked or unknown", async () => {
    const { simulator, matchPerson } = start();
    const booked: Record<string, number> = {};
    const outcomes = new Set<string>();
    for (const person of people) {
      for (const [key, answer] of await matchPerson.ask([person], context)) {
        const { status, costMicros = APOLLO_CREDIT_MICROS } = answer;
        outcomes.add(`${status} ${costMicros}`);
        expect(key).toMatch(/^[0-9a-f]{64}$/);
        if (costMicros > 0) booked[key] = costMicros;
      }
    }
    expect(outcomes).toEqual(new Set(["found 18000", "not_found 18000", "not_found 0"]));
    expect(simulator.charges()).toEqual(booked);
  });

  it("is well while its key is accepted", async () => {
    const { env } = start();
    await apollo.healthCheck?.(env, { signal });
    const wrong = apollo.healthCheck?.({ ...env, APOLLO_API_KEY: "wrong" }, { signal });
    await expect(wrong).rejects.toMatchObject({ kind: "unauthorized" });
  });
});
