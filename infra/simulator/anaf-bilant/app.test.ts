import { afterEach, describe, expect, it } from "vitest";
import { loadSimulatorConfig } from "../config.ts";
import { type RunningSimulator, startSimulator } from "../server.ts";

let simulator: RunningSimulator | undefined;
afterEach(async () => {
  await simulator?.stop();
  simulator = undefined;
});

async function start(intervalMs: number) {
  simulator = await startSimulator(
    loadSimulatorConfig({
      SIMULATOR_ANAF_INTERVAL_MS: String(intervalMs),
      SIMULATOR_ANAF_LATENCY_MS: "0",
      SIMULATOR_ANAF_OUTAGE_EVERY: "0",
      SIMULATOR_ANAF_BILANT_LATENCY_MS: "0",
      SIMULATOR_ANAF_BILANT_JITTER_MS: "0",
    }),
  );
  const { url } = simulator;
  return {
    taxpayer: async () => {
      const body = JSON.stringify([{ cui: 90_000_014, data: "2026-11-22" }]);
      return (await fetch(`${url}/anaf/api/PlatitorTvaRest/v9/tva`, { method: "POST", body })).status;
    },
    statement: async () => {
      const headers = { "user-agent": "Mozilla/5.0 (test)" };
      return (await fetch(`${url}/anaf-bilant/bilant?an=2025&cui=90000014`, { headers })).status;
    },
  };
}

describe("ANAF's two services on one server", () => {
  it("keep to one limit, whichever comes first", async () => {
    const { taxpayer, statement } = await start(30_000);
    expect(await taxpayer()).not.toBe(429);
    expect(await statement()).toBe(429);
    simulator?.anaf.forget();
    expect(await statement()).not.toBe(429);
    expect(await taxpayer()).toBe(429);
    expect(simulator?.anaf.ledger()).toMatchObject({ calls: 1, rateLimited: 1 });
    expect(simulator?.providers.get("anaf-bilant")?.ledger()).toMatchObject({ calls: 2, rateLimited: 1 });
  });

  it("keep to none where there is none", async () => {
    const { taxpayer, statement } = await start(0);
    for (const ask of [taxpayer, statement, statement, taxpayer]) expect(await ask()).not.toBe(429);
  });
});
