import { describe, expect, it } from "vitest";
import { z } from "zod";
import { simulatedCompany } from "#infra/simulator/company.ts";
import { hunterSimulator } from "#infra/simulator/hunter/app.ts";
import { createLogger } from "#src/platform/logger.ts";
import { interceptProvider } from "#tests/support/providers.ts";
import { HUNTER_CREDIT_MICROS, hunter } from "./provider.ts";

const { signal } = new AbortController();
const context = { signal, onSent: () => {}, asOf: "2026-11-22", logger: createLogger("silent") };

function start(behaviour: Record<string, number>) {
  const simulator = hunterSimulator.create({ latencyMs: 0, jitterMs: 0, knownPct: 100, ...behaviour });
  const intercepted = interceptProvider(simulator.app, { baseUrl: "https://hunter.test/v2" });
  const env = z.object(hunter.env).parse(simulator.env(intercepted.baseUrl));
  const operations = hunter.connect(env);
  if (!operations) throw new Error("It has a key.");
  return { simulator, env, ...operations };
}

const { domain, people } = Array.from({ length: 200 }, (_, index) =>
  simulatedCompany(40_000_003 + index),
).find((company) => company.people.length > 0) as ReturnType<typeof simulatedCompany> & { domain: string };
const { firstName = "", lastName = "" } = people[0] ?? {};
const person = { firstName, lastName, domain };

describe("Hunter", () => {
  it("is off without a key", () => {
    expect(hunter.connect(z.object(hunter.env).parse({}))).toBeNull();
  });

  it("names people by a digest, under which it books what its ledger does", async () => {
    const { simulator, domainSearch, findEmail } = start({ claimedPct: 0 });
    const key = findEmail.keyOf(person);
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect((await findEmail.ask([person], context)).get(key)).toMatchObject({ status: "found" });
    expect((await domainSearch.ask([domain], context)).get(domain)).toMatchObject({ status: "found" });
    expect(simulator.charges()).toEqual({ [key]: HUNTER_CREDIT_MICROS, [domain]: HUNTER_CREDIT_MICROS });
  });

  it("pays nothing for what is not found", async () => {
    const { domainSearch, findEmail } = start({ knownPct: 0 });
    expect([...(await domainSearch.ask([domain], context)).values()]).toEqual([{ status: "not_found" }]);
    expect([...(await findEmail.ask([person], context)).values()]).toEqual([{ status: "not_found" }]);
  });

  it("pays nothing for a person who is not to be asked about, and keeps that", async () => {
    const { simulator, findEmail } = start({ claimedPct: 100 });
    expect([...(await findEmail.ask([person], context)).values()]).toEqual([
      { status: "found", body: { claimed: true }, costMicros: 0 },
    ]);
    expect(simulator.charges()).toEqual({});
  });

  it("is well while its key is accepted", async () => {
    const { env } = start({});
    await hunter.healthCheck?.(env, { signal });
    const wrong = hunter.healthCheck?.({ ...env, HUNTER_API_KEY: "wrong" }, { signal });
    await expect(wrong).rejects.toMatchObject({ kind: "unauthorized" });
  });
});
