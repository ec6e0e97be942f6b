import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { z } from "zod";
import { createDb, type Db, inWorkspace } from "#db/client.ts";
import type { WorkKey } from "#db/queries/chunk-work.ts";
import { planChunks } from "#db/queries/chunks.ts";
import type { StepTools } from "#functions/enrichment/define-chunk-function.ts";
import type { EmailDiscovery, EmailVerification } from "#functions/enrichment/email-facts.ts";
import { emailDiscovery } from "#functions/enrichment/fields/email-discovery.ts";
import { emailVerification } from "#functions/enrichment/fields/email-verification.ts";
import { simulatedCompany } from "#infra/simulator/company.ts";
import { loadSimulatorConfig } from "#infra/simulator/config.ts";
import { type RunningSimulator, startSimulator } from "#infra/simulator/server.ts";
import type { Deps } from "#src/deps.ts";
import type { RunnablePlan } from "#src/platform/chunk-work.ts";
import { createLogger } from "#src/platform/logger.ts";
import { createRedis, type Redis } from "#src/platform/redis.ts";
import { apollo } from "#src/providers/apollo/provider.ts";
import { hunter } from "#src/providers/hunter/provider.ts";
import { snov } from "#src/providers/snov/provider.ts";
import { hashedKey } from "#src/providers/subject-key.ts";
import { zerobounce } from "#src/providers/zerobounce/provider.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { connectedProviders } from "#tests/support/gateways.ts";
import { type SeededJob, seedImportedJob } from "#tests/support/seed.ts";

const PROSPECTS = 80;
const FIRST_CUI = 81_000_000;
const catalog = { hunter, snov, apollo, zerobounce };
const SLUGS = Object.keys(catalog) as (keyof typeof catalog)[];

let database: TestDatabase;
let simulator: RunningSimulator;
let db: Db;
let redis: Redis;
let deps: Deps;
let job: SeededJob;
let chunkId: string;

/** Their tax ids are those of invented companies, of which domain and first person are already known. */
beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb(database.url);
  redis = createRedis(inject("redisUrl"));
  simulator = await startSimulator(
    loadSimulatorConfig({
      ...Object.fromEntries(SLUGS.map((slug) => [`SIMULATOR_${slug.toUpperCase()}_LATENCY_MS`, "1"])),
      ...Object.fromEntries(SLUGS.map((slug) => [`SIMULATOR_${slug.toUpperCase()}_JITTER_MS`, "0"])),
      ...Object.fromEntries(SLUGS.map((slug) => [`SIMULATOR_${slug.toUpperCase()}_LIMITED`, "0"])),
      SIMULATOR_HUNTER_CLAIMED_PCT: "25",
      SIMULATOR_SNOV_TASK_MS: "0",
      SIMULATOR_APOLLO_KNOWN_PCT: "90",
      SIMULATOR_APOLLO_LOCKED_PCT: "10",
    }),
  );
  const given = Object.assign(
    {},
    ...SLUGS.map((slug) => simulator.providers.get(slug)?.env(`${simulator.url}/${slug}`)),
  );
  const env = z.object({ ...hunter.env, ...snov.env, ...apollo.env, ...zerobounce.env }).parse(given);
  const shared = { db, redis, logger: createLogger("silent"), now: () => new Date() };
  const providers = connectedProviders({ ...shared, limited: false }, catalog, env);
  const config = { FIELD_DEADLINE_MS: 60_000, FIELD_RETRY_MS: 1_000 };
  deps = { ...shared, config, ...providers } as unknown as Deps;
  job = await seedImportedJob(db, PROSPECTS, { firstCui: FIRST_CUI });
  chunkId = await inWorkspace(db, job.workspaceId, async (tx) => {
    await planChunks(tx, job, { importId: job.importId }, ["email-discovery", "email-verification"]);
    const { rows } = await tx.execute<{ id: string }>(sql`SELECT id FROM chunks WHERE job_id = ${job.jobId}`);
    for (const { cui, domain, people } of companies) {
      const [first] = people;
      await store(tx, cui, "web-discovery", domain === null ? null : { domain });
      await store(
        tx,
        cui,
        "legal-data",
        first && { contactFirstName: first.firstName, contactLastName: first.lastName },
      );
    }
    return rows[0]?.id ?? "";
  });
});
afterAll(async () => {
  await simulator.stop();
  await Promise.all([db.$client.end(), redis.quit()]);
  await database.drop();
});

const companies = Array.from({ length: PROSPECTS }, (_, index) => simulatedCompany(FIRST_CUI + 1 + index));

type Tx = Parameters<Parameters<typeof inWorkspace>[2]>[0];

async function store(tx: Tx, cui: number, field: string, value: object | null | undefined): Promise<void> {
  if (!value) return;
  await tx.execute(sql`
    INSERT INTO field_values (workspace_id, prospect_id, job_id, field, status, value, source, observed_at, fresh_until)
    SELECT workspace_id, id, ${job.jobId}, ${field}, 'found', ${JSON.stringify(value)}::jsonb, 'test', now(), now()
    FROM prospects WHERE cui = ${cui} AND import_id = ${job.importId}`);
}

/** Does the field's work on the chunk, as its function would. */
async function run(field: typeof emailDiscovery, needs: string[]) {
  const line = {
    id: field.id,
    required: false,
    needs,
    freshMs: 86_400_000,
    absentMs: 86_400_000,
    order: "fixed" as const,
  };
  const plan: RunnablePlan = { fields: [line], stages: [], maxOutstanding: new Map() };
  const key: WorkKey = { ...job, chunkId, field: field.id, attempt: 1, runId: field.id };
  await inWorkspace(db, job.workspaceId, (tx) =>
    tx.execute(
      sql`UPDATE chunk_fields SET status = 'requested' WHERE job_id = ${job.jobId} AND field = ${field.id}`,
    ),
  );
  const step = { run: (_: string, work: () => unknown) => work() } as unknown as StepTools;
  await field.work(deps, { key, eventId: undefined }, step, plan);
  return inWorkspace(db, job.workspaceId, async (tx) => {
    const { rows } = await tx.execute<Row>(sql`
      SELECT p.cui::int AS cui, v.status, v.value, v.source, v.error_code AS code
      FROM field_values v JOIN prospects p ON p.id = v.prospect_id WHERE v.field = ${field.id} AND v.job_id = ${job.jobId}`);
    return new Map(rows.map((row) => [row.cui, row]));
  });
}

type Row = {
  cui: number;
  status: string;
  value: Record<string, unknown> | null;
  source: string;
  code: string | null;
};

const chargesOf = (slug: string) => simulator.providers.get(slug)?.charges() ?? {};
const sum = (charges: Record<string, number>) =>
  Object.values(charges).reduce((total, each) => total + each, 0);

/** Runs once for all tests: the fields follow one another. */
const discovered = () => run(emailDiscovery, ["web-discovery", "legal-data"]);
const verified = () => run(emailVerification, ["email-discovery"]);

describe("the e-mail fields", () => {
  let discovery: Map<number, Row>;
  let verification: Map<number, Row>;
  beforeAll(async () => {
    discovery = await discovered();
    verification = await verified();
  });

  it("find addresses with each provider of the waterfall, at the company's own domain, scored 80 or more", () => {
    const found = [...discovery.values()].filter(({ value }) => value?.email);
    expect(new Set(found.map(({ source }) => source))).toEqual(new Set(["hunter", "snov", "apollo"]));
    for (const { cui, value } of found) {
      const { email, emailKind, emailScore } = value as EmailDiscovery;
      const { genericEmails, people } = simulatedCompany(cui);
      const known = emailKind === "generic" ? genericEmails : people.map((person) => person.email);
      expect(known).toContain(email);
      expect(emailScore).toBeGreaterThanOrEqual(80);
    }
  });

  it("ask nobody about companies without a domain", () => {
    const offline = companies.filter(({ domain }) => domain === null);
    expect(offline.length).toBeGreaterThan(20);
    expect(offline.filter(({ cui }) => discovery.has(cui))).toEqual([]);
    const asked = companies.length - offline.length;
    expect(discovery.size).toBe(asked);
    expect([...discovery.values()].filter(({ status }) => status === "failed")).toEqual([]);
  });

  it("keep that somebody wants no contact, and ask no other provider about them", () => {
    const claimed = [...discovery.values()].filter(({ value }) => value?.emailDoNotContact === true);
    expect(claimed.length).toBeGreaterThan(0);
    for (const { cui, value } of claimed) {
      const { domain, people } = simulatedCompany(cui);
      const [first] = people;
      expect(value).toMatchObject({
        email: null,
        emailContactName: `${first?.firstName} ${first?.lastName}`,
      });
      const key = hashedKey(first?.firstName ?? "", first?.lastName ?? "", domain ?? "");
      for (const slug of ["snov", "apollo"]) expect(Object.keys(chargesOf(slug))).not.toContain(key);
    }
  });

  it("verify what was found, and only that", () => {
    const withEmail = [...discovery.values()].filter(({ value }) => value?.email);
    expect([...verification.keys()].toSorted()).toEqual(withEmail.map(({ cui }) => cui).toSorted());
    const statuses = new Set<string>();
    for (const { cui, value } of verification.values()) {
      const { email, emailChecked, emailVerified, emailStatus } = value as EmailVerification;
      statuses.add(emailStatus);
      expect(emailChecked).toBe(discovery.get(cui)?.value?.email);
      expect(emailVerified).toBe(emailStatus === "valid");
      expect(email === null).toBe(["invalid", "do_not_mail", "spamtrap", "abuse"].includes(emailStatus));
    }
    expect(statuses).toContain("valid");
    expect(statuses.size).toBeGreaterThan(1);
  });

  it("book for each provider what it has charged", async () => {
    const { rows } = await inWorkspace(db, job.workspaceId, (tx) =>
      tx.execute<{ provider: string; cost: number }>(sql`
        SELECT provider, sum(cost_micros)::int AS cost FROM provider_calls WHERE job_id = ${job.jobId} GROUP BY 1`),
    );
    expect(Object.fromEntries(rows.map(({ provider, cost }) => [provider, cost]))).toEqual(
      Object.fromEntries(SLUGS.map((slug) => [slug, sum(chargesOf(slug))])),
    );
  });
});
