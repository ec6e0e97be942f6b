import { afterEach, describe, expect, it } from "vitest";
import type { LedgerReport } from "./anaf/ledger.ts";
import { loadSimulatorConfig } from "./config.ts";
import { type RunningSimulator, startSimulator } from "./server.ts";

let simulator: RunningSimulator | undefined;
afterEach(async () => {
  await simulator?.stop();
  simulator = undefined;
});

const QUICK = {
  SIMULATOR_ANAF_LATENCY_MS: "0",
  SIMULATOR_ANAF_OUTAGE_EVERY: "0",
  SIMULATOR_ANAF_MISSING_PCT: "0",
};

async function start(env: Record<string, string> = {}): Promise<RunningSimulator> {
  simulator = await startSimulator(loadSimulatorConfig({ ...QUICK, ...env }));
  return simulator;
}

const ask = ({ url }: RunningSimulator, cuis: number[], day = "2026-11-22") =>
  fetch(`${url}/anaf/api/PlatitorTvaRest/v9/tva`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(cuis.map((cui) => ({ cui, data: day }))),
  });

const admin = async ({ url }: RunningSimulator, method = "GET", changes?: unknown) => {
  const response = await fetch(`${url}/__simulator/anaf`, {
    method,
    ...(changes ? { body: JSON.stringify(changes) } : {}),
  });
  return { status: response.status, body: (await response.json()) as LedgerReport };
};

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("the simulator", () => {
  it("says that it is one", async () => {
    const running = await start();
    const health = await fetch(`${running.url}/health`);
    expect(await health.json()).toMatchObject({ status: "ok", simulator: true });
    const answer = await ask(running, [14_837_428]);
    expect(answer.headers.get("x-simulator")).toBe("anaf");
    expect((await admin(running)).body).toMatchObject({ simulator: "anaf" });
  });

  it("invents the same taxpayer for the same tax id, whenever it is started", async () => {
    const first = await (await ask(await start(), [14_837_428])).json();
    await simulator?.stop();
    expect(await (await ask(await start(), [14_837_428])).json()).toEqual(first);
    expect(first).toMatchObject({
      cod: 200,
      found: [{ date_generale: { cui: 14_837_428, data: "2026-11-22" } }],
    });
  });

  it("has the oddities of the real one", async () => {
    const running = await start({ SIMULATOR_ANAF_INTERVAL_MS: "0" });
    const text: string[] = [];
    for (let from = 20_000_000; from < 20_002_000; from += 100) {
      text.push(
        await (
          await ask(
            running,
            Array.from({ length: 100 }, (_, index) => from + index),
          )
        ).text(),
      );
    }
    const all = text.join("\n");
    // Cedilla letters, CAEN and postal codes without their zero, blanks, both kinds of registration number.
    for (const oddity of [
      /[şţŞŢ]/,
      /"cod_CAEN":"111"/,
      /"codPostal":"[1-6]\d{4}"/,
      /"fax":" "/,
      /"nrRegCom":"J\d\d\//,
      /"nrRegCom":"F\d{13}"/,
    ]) {
      expect(all).toMatch(oddity);
    }
    for (const state of [
      /RADIERE din data \d\d\.\d\d\.\d{4}/,
      /TRANSFER\(SOSIRE\) din data/,
      /"statusInactivi":true/,
    ]) {
      expect(all).toMatch(state);
    }
    expect(all).not.toMatch(/[șțȘȚ]/);
    const notFound = text.flatMap((body) => JSON.parse(body).notFound);
    expect(notFound.length / 2_000).toBeGreaterThan(0.02);
    expect(notFound.length / 2_000).toBeLessThan(0.04);
  });

  it("answers the second of two requests within a second with 429, whatever became of the first", async () => {
    const running = await start({ SIMULATOR_ANAF_INTERVAL_MS: "300" });
    expect((await ask(running, [10])).status).not.toBe(429);
    await pause(150);
    expect((await ask(running, [11])).status).toBe(429);
    // Counted from the refused one.
    await pause(200);
    expect((await ask(running, [12])).status).toBe(429);
    await pause(320);
    expect((await ask(running, [13])).status).not.toBe(429);
    const { body } = await admin(running);
    expect(body).toMatchObject({ calls: 4, ok: 2, rateLimited: 2, maxPerSecond: 4, ids: { asked: 2 } });
    expect(body.minSpacingMs).toBeGreaterThan(600);
    expect(body.minSpacingOfAllMs).toBeLessThan(300);
  });

  it("says 404 with a body when nothing is found", async () => {
    const running = await start({ SIMULATOR_ANAF_NOT_FOUND_PCT: "100" });
    const answer = await ask(running, [10, 11]);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toEqual({ found: [], notFound: [10, 11] });
  });

  it("has its bad days at set turns, changed while it runs", async () => {
    const running = await start({ SIMULATOR_ANAF_INTERVAL_MS: "0" });
    await admin(running, "POST", { outageEvery: 2, resetEvery: 3 });
    const first = await ask(running, [10]);
    expect(first.headers.get("content-type")).toContain("json");
    const second = await ask(running, [10]);
    expect([second.status, second.headers.get("content-type")]).toEqual([200, "text/html; charset=UTF-8"]);
    await expect(ask(running, [10])).rejects.toThrow();
    expect((await admin(running)).body).toMatchObject({ calls: 3, ok: 1, outages: 1, resets: 1 });
    expect((await admin(running, "POST", { outage: 2 })).status).toBe(422);
    expect((await admin(running, "DELETE")).body).toMatchObject({ calls: 0 });
  });

  it("leaves ids out at the first ask only, and knows who asked twice about a day", async () => {
    const running = await start({
      SIMULATOR_ANAF_INTERVAL_MS: "0",
      SIMULATOR_ANAF_MISSING_PCT: "100",
      SIMULATOR_ANAF_NOT_FOUND_PCT: "0",
    });
    expect(await (await ask(running, [10])).json()).toEqual({ found: [], notFound: [] });
    expect((await ask(running, [10])).status).toBe(200);
    expect((await admin(running)).body.ids).toMatchObject({ asked: 1, leftOut: 1, askedAgain: 0 });
    await ask(running, [10]);
    expect((await admin(running)).body.ids).toMatchObject({ askedAgain: 1, askedAgainList: [10] });
    // Another day, another answer.
    await ask(running, [10], "2026-11-23");
    expect((await admin(running)).body.ids).toMatchObject({ askedAgain: 1, asked: 1 });
    await admin(running, "DELETE");
    expect((await admin(running)).body.ids).toMatchObject({ askedAgain: 0, asked: 0 });
  });

  it("takes two questions about the same id at the same time for asking twice", async () => {
    const running = await start({ SIMULATOR_ANAF_INTERVAL_MS: "0", SIMULATOR_ANAF_LATENCY_MS: "400" });
    await Promise.all([ask(running, [10]), ask(running, [10])]);
    expect((await admin(running)).body.ids).toMatchObject({ askedAgain: 1 });
  });

  it.each([
    ["an object", { cui: 10, data: "2026-11-22" }],
    ["nothing", []],
    [
      "more than a hundred",
      Array.from({ length: 101 }, (_, index) => ({ cui: index + 10, data: "2026-11-22" })),
    ],
    ["no day", [{ cui: 10 }]],
  ])("refuses %s", async (_, body) => {
    const running = await start();
    const answer = await fetch(`${running.url}/anaf/api/PlatitorTvaRest/v9/tva`, {
      method: "POST",
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(400);
  });

  it("takes its settings from the environment and refuses what it cannot read", () => {
    const config = loadSimulatorConfig({
      SIMULATOR_PORT: "1234",
      SIMULATOR_ANAF_LATENCY_MS: "7",
      SIMULATOR_ANAF_JITTER_MS: "",
    });
    expect(config).toMatchObject({
      host: "127.0.0.1",
      port: 1234,
      settings: { anaf: { latencyMs: 7 } },
    });
    expect(() => loadSimulatorConfig({ SIMULATOR_ANAF_LATENCY_MS: "soon" })).toThrow();
  });
});
