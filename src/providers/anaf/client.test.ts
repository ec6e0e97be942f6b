import { describe, expect, it } from "vitest";
import { type AnafSimulator, createAnafSimulator } from "#infra/simulator/anaf/app.ts";
import type { AnafBehaviour } from "#infra/simulator/anaf/behaviour.ts";
import { interceptProvider } from "#tests/support/providers.ts";
import { type AnafClient, createAnafClient } from "./client.ts";

const QUIET = { latencyMs: 0, intervalMs: 0, outageEvery: 0, missingPct: 0, notFoundPct: 0 };

function start(behaviour: Partial<AnafBehaviour> = {}): { client: AnafClient; simulator: AnafSimulator } {
  const simulator = createAnafSimulator({ ...QUIET, ...behaviour });
  const intercepted = interceptProvider(simulator.app, { baseUrl: "https://anaf.test/anaf" });
  return { client: createAnafClient({ baseUrl: intercepted.baseUrl, timeoutMs: 2_000 }), simulator };
}

const ids = (count: number, from = 90_000_001) => Array.from({ length: count }, (_, index) => from + index);
const DAY = "2026-11-22";

describe("the client of ANAF", () => {
  it("asks about a hundred at once", async () => {
    const { client, simulator } = start();
    const answer = await client.taxpayers(ids(100), DAY);
    expect(answer.found.size).toBe(100);
    const first = answer.found.get(90_000_001);
    expect(first).toMatchObject({ company: { cui: 90_000_001, asOf: DAY } });
    expect(simulator.ledger()).toMatchObject({ calls: 1, ok: 1, ids: { asked: 100 } });
  });

  it("refuses none and more than a hundred, without a request", async () => {
    const { client, simulator } = start();
    await expect(client.taxpayers([], DAY)).rejects.toMatchObject({ kind: "rejected" });
    await expect(client.taxpayers(ids(101), DAY)).rejects.toMatchObject({ kind: "rejected" });
    expect(simulator.ledger().calls).toBe(0);
  });

  it("takes a 404 with a body for the answer that it is", async () => {
    const { client } = start({ notFoundPct: 100 });
    const answer = await client.taxpayers(ids(2), DAY);
    expect(answer).toMatchObject({ found: new Map(), notFound: new Set(ids(2)) });
  });

  it("leaves out what ANAF left out", async () => {
    const { client } = start({ missingPct: 100 });
    expect(await client.taxpayers(ids(1), DAY)).toMatchObject({ found: new Map(), notFound: new Set() });
  });

  it("takes the maintenance page for an outage, in spite of its status", async () => {
    const { client } = start({ outageEvery: 1 });
    await expect(client.taxpayers(ids(1), DAY)).rejects.toMatchObject({
      kind: "unavailable",
      httpStatus: 200,
    });
  });

  it("takes a reset connection and a server error for outages", async () => {
    const { client, simulator } = start({ resetEvery: 1 });
    await expect(client.taxpayers(ids(1), DAY)).rejects.toMatchObject({
      kind: "unavailable",
      httpStatus: null,
    });
    simulator.configure({ resetEvery: 0, errorEvery: 1 });
    await expect(client.taxpayers(ids(1), DAY)).rejects.toMatchObject({
      kind: "unavailable",
      httpStatus: 500,
    });
  });

  it("is told when it is too fast", async () => {
    const { client } = start({ intervalMs: 10_000, retryAfterSeconds: 2 });
    await client.taxpayers(ids(1), DAY);
    await expect(client.taxpayers(ids(1), DAY)).rejects.toMatchObject({
      kind: "rate_limited",
      retryAfterMs: 2_000,
    });
  });

  it("keeps no personal number that a clerk typed into an address", async () => {
    const { client } = start();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => client.taxpayers(ids(100, 90_000_001 + index * 100), DAY)),
    );
    const text = JSON.stringify(answers.map(({ found }) => [...found.values()]));
    expect(text).toContain("CNP [CNP]");
    expect(text).not.toMatch(/CNP \d/);
  });
});
