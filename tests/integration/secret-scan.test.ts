/**
 * Where do credentials of providers turn up? Marked ones are used for every provider, in requests that succeed, are
 * refused, break, are cut off, or run out of time, while the provider repeats in its answers all that it was sent. Then
 * everything that we keep or say is searched for the mark.
 */
import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { inWorkspace } from "#db/client.ts";
import { saveCredentials } from "#db/queries/provider-credentials.ts";
import { simulatedCompany } from "#infra/simulator/company.ts";
import { loadSimulatorConfig, variableOf } from "#infra/simulator/config.ts";
import { type RunningSimulator, startSimulator } from "#infra/simulator/server.ts";
import { simulatedSite } from "#infra/simulator/websites/site.ts";
import { closeDeps, createDeps, type Deps } from "#src/deps.ts";
import { createApp } from "#src/http/app.ts";
import { lastFourOf, sealCredentials } from "#src/platform/credentials.ts";
import type { Gateway } from "#src/platform/gateway.ts";
import { createLogger } from "#src/platform/logger.ts";
import { inNameOf } from "#src/platform/provider-accounts.ts";
import { catalog } from "#src/providers/catalog.ts";
import {
  type CanaryProvider,
  canariesFor,
  type Fate,
  fates,
  findInRedis,
  findInTables,
  hasCanary,
  proved,
  startCanaryProvider,
} from "#tests/support/canaries.ts";
import { testConfig } from "#tests/support/config.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { connectedProviders, createContext } from "#tests/support/gateways.ts";
import { asService } from "#tests/support/secret-keys.ts";
import { seedWorkspace } from "#tests/support/seed.ts";

let database: TestDatabase;
let owner: pg.Client;
let simulator: RunningSimulator;
let provider: CanaryProvider;
let deps: Deps;
/** All that was said: log lines, answers, errors. */
const said: string[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  owner = new pg.Client({ connectionString: database.url });
  await owner.connect();
  const quick = proved.flatMap(({ slug }) =>
    [
      ["latencyMs", "1"],
      ["jitterMs", "0"],
      ["limited", "0"],
    ].map(([name = "", value]) => [variableOf(slug, name), value]),
  );
  simulator = await startSimulator(
    loadSimulatorConfig({ ...Object.fromEntries(quick), SIMULATOR_SNOV_TASK_MS: "0" }),
  );
  provider = await startCanaryProvider(() => simulator.url);
  const config = testConfig(database.url, {
    LOG_LEVEL: "info",
    ...provider.env,
    SNOV_POLLS_AFTER_MS: "50,500",
  });
  const plain = createDeps(config);
  const logger = createLogger("trace", { write: (line) => said.push(line) });
  deps = { ...plain, logger, ...connectedProviders({ ...plain, logger, limited: false }, catalog, config) };
});
afterAll(async () => {
  vi.restoreAllMocks();
  await closeDeps(deps);
  await provider.stop();
  await simulator.stop();
  await owner.end();
  await database.drop();
});

/** A company that every provider knows, and what each can be asked about it. */
const company = Array.from({ length: 500 }, (_, index) => simulatedCompany(22_000_000 + index)).find(
  ({ domain, people, phones }) =>
    people.length > 0 && phones.length > 0 && simulatedSite(domain ?? "")?.kind === "plain",
);
const person = { ...company?.people[0], domain: company?.domain };
const subjects: Record<string, unknown> = {
  "email-finder": person,
  "emails-by-domain-by-name": person,
  "people-match": person,
  "domain-search": company?.domain,
  "generic-contacts": company?.domain,
  "home-page": { domain: company?.domain },
  company: { cui: company?.cui },
  "line-type": { e164: company?.phones[0] },
  search: { query: "ferma" },
  validate: company?.genericEmails[0],
  validatebatch: company?.genericEmails[0],
};

/** Gives a workspace of its own marked credentials for every provider, and asks every operation of each. */
async function live(fate: Fate): Promise<string[]> {
  const workspaceId = await seedWorkspace(database.url);
  await inWorkspace(deps.db, workspaceId, async (tx) => {
    for (const definition of proved) {
      const values = canariesFor(definition, fate);
      const { slug } = definition;
      const sealed = sealCredentials(deps.vault, workspaceId, slug, values);
      const lastFour = lastFourOf(values);
      await saveCredentials(tx, { workspaceId, provider: slug, sealed, lastFour, by: "test", check: null });
    }
  });
  const { providers, providerRuntimes } = await inNameOf(deps, workspaceId);
  const gateways = Object.values(providers).flatMap((each) => Object.values(each ?? {}));
  const context = await createContext(deps.db, {}, workspaceId);
  const ends = await Promise.all(
    gateways
      .filter(({ provider }) => proved.some(({ slug }) => slug === provider))
      .map(async (gateway: Gateway<never, unknown>) => {
        const prospectId = randomUUID();
        const subject = subjects[gateway.operation.name] as never;
        const results = await gateway.lookup(context, [{ prospectId, subject }]).catch((error: unknown) => {
          said.push(inspect(error, { depth: 6 }));
          return new Map([[prospectId, { status: "thrown" }]]);
        });
        const result = results.get(prospectId);
        said.push(JSON.stringify(result));
        return `${gateway.provider}: ${result?.status}`;
      }),
  );
  await Promise.all(
    providerRuntimes.map(({ check }) =>
      check?.(AbortSignal.timeout(5_000)).catch((error: unknown) => said.push(inspect(error, { depth: 6 }))),
    ),
  );
  await askApi(workspaceId, fate);
  return ends;
}

/** What the API shows and refuses, on credentials and calls. */
async function askApi(workspaceId: string, fate: Fate): Promise<void> {
  const app = createApp(deps, {
    functions: [],
    plan: { fields: [], stages: [], maxOutstanding: new Map() },
    sources: new Map(),
    isSynced: () => true,
    metricsText: async () => "",
  });
  const headers = { ...asService, "x-workspace-id": workspaceId, "content-type": "application/json" };
  const ask = async (method: string, path: string, body?: unknown) => {
    const init = body ? { body: JSON.stringify(body) } : {};
    const answer = await app.request(`/api/v1${path}`, { method, headers, ...init });
    said.push(JSON.stringify([...answer.headers]), await answer.text());
  };
  for (const path of ["/credentials", "/providers", "/provider-calls?status=unknown", "/audit"]) {
    await ask("GET", path);
  }
  await Promise.all(
    proved.map(async (definition) => {
      const path = `/credentials/${definition.slug}`;
      const credentials = canariesFor(definition, fate);
      await ask("PUT", path, { credentials, check: true });
      await ask("PUT", path, { credentials: { ...credentials, more: "canary-" } });
      await ask("POST", `/providers/${definition.slug}/check`);
    }),
  );
}

describe("credentials of providers", () => {
  it("are used for every provider, with every end that a request can have", async () => {
    for (const end of await live("pass")) expect(end).toMatch(/: (found|notFound)$/);
    // What runs out of time does so soon.
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => timeout(Math.min(ms, 2_000)));
    const others = fates.filter((fate) => fate !== "pass");
    for (const [index, ends] of (await Promise.all(others.map(live))).entries()) {
      // What an odd answer is taken for is each provider's own affair.
      const expected = others[index] === "oddity" ? /./ : /: (thrown|unavailable|unknown|failed)$/;
      for (const end of ends) expect(end, others[index]).toMatch(expected);
    }
    const wanted = proved.flatMap(({ slug }) => fates.map((fate) => `${slug} ${fate}`));
    expect(wanted.filter((each) => !provider.met.has(each))).toEqual([]);
  }, 120_000);

  it("stand in no table, not in Redis, in no log, no answer and no error", async () => {
    expect(await findInTables(owner)).toEqual([]);
    expect(await findInRedis(deps.redis)).toEqual([]);
    expect(said.length).toBeGreaterThan(100);
    expect(said.filter(hasCanary)).toEqual([]);
  });

  it("would be found there: the search itself works", async () => {
    const basic = Buffer.from("user:canary-x").toString("base64");
    for (const each of ["canary-x", basic, Buffer.from("canary-x").toString("hex")]) {
      expect(hasCanary(`… ${each} …`), each).toBe(true);
      await owner.query(
        "INSERT INTO provider_credentials (workspace_id, provider, sealed, last_four, created_by, updated_by) SELECT id, 'x', 'v1.k1.', to_jsonb($1::text), '', '' FROM workspaces LIMIT 1",
        [each],
      );
      expect(await findInTables(owner)).toEqual(["public.provider_credentials"]);
      await owner.query("DELETE FROM provider_credentials WHERE provider = 'x'");
      await deps.redis.set("cerniq:test:scan", each);
      expect(await findInRedis(deps.redis)).toEqual(["cerniq:test:scan"]);
      await deps.redis.del("cerniq:test:scan");
    }
  });
});
