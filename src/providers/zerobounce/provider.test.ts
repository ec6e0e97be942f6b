import { describe, expect, it } from "vitest";
import { z } from "zod";
import { simulatedCompany } from "#infra/simulator/company.ts";
import { zerobounceSimulator } from "#infra/simulator/zerobounce/app.ts";
import { createLogger } from "#src/platform/logger.ts";
import { interceptProvider } from "#tests/support/providers.ts";
import { ZEROBOUNCE_CREDIT_MICROS, zerobounce } from "./provider.ts";

const { signal } = new AbortController();
const context = { signal, onSent: () => {}, asOf: "2026-11-22", logger: createLogger("silent") };

function start(behaviour: Record<string, number> = {}) {
  const simulator = zerobounceSimulator.create({ latencyMs: 0, jitterMs: 0, unknownPct: 20, ...behaviour });
  const intercepted = interceptProvider(simulator.app, { baseUrl: "https://zerobounce.test/v2" });
  const env = z.object(zerobounce.env).parse(simulator.env(intercepted.baseUrl));
  const operations = zerobounce.connect(env);
  if (!operations) throw new Error("It has a key.");
  return { simulator, env, ...operations };
}

const addresses = Array.from({ length: 200 }, (_, index) => simulatedCompany(50_000_003 + index))
  .flatMap(({ genericEmails }) => genericEmails)
  .slice(0, 60);

describe("ZeroBounce", () => {
  it("is off without a key, and in Europe by default", () => {
    const env = z.object(zerobounce.env).parse({});
    expect(zerobounce.connect(env)).toBeNull();
    expect(env.ZEROBOUNCE_BASE_URL).toContain("api-eu.");
  });

  it("names addresses by a digest, under which it books what its ledger does", async () => {
    const { simulator, validate, validateBatch } = start();
    const answers = await validateBatch.ask(addresses, context);
    const costs = [...answers].map(
      ([key, { costMicros = ZEROBOUNCE_CREDIT_MICROS }]) => [key, costMicros] as const,
    );
    expect(costs).toHaveLength(addresses.length);
    expect(costs.every(([key]) => /^[0-9a-f]{64}$/.test(key))).toBe(true);
    expect(costs.some(([, cost]) => cost === 0)).toBe(true);
    expect(simulator.charges()).toEqual(Object.fromEntries(costs.filter(([, cost]) => cost > 0)));

    simulator.forget();
    const [address = ""] = addresses;
    const key = validate.keyOf(address);
    expect(answers.has(key)).toBe(true);
    expect(await validate.ask([address], context)).toEqual(new Map([[key, answers.get(key)]]));
  });

  it("is well while its key is accepted", async () => {
    const { env } = start({});
    await zerobounce.healthCheck?.(env, { signal });
    const wrong = zerobounce.healthCheck?.({ ...env, ZEROBOUNCE_API_KEY: "wrong" }, { signal });
    await expect(wrong).rejects.toMatchObject({ kind: "unauthorized" });
  });
});
