/** The fields that read companies' sites, one after the other, against the simulated web and the real gateway. */
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { createDb, type Db, inWorkspace } from "#db/client.ts";
import { planChunks } from "#db/queries/chunks.ts";
import { writeFieldValues } from "#db/queries/field-values.ts";
import type { StepTools } from "#functions/enrichment/define-chunk-function.ts";
import type { Field } from "#functions/enrichment/define-field.ts";
import { phoneValidation } from "#functions/enrichment/fields/phone-validation.ts";
import { techDetection } from "#functions/enrichment/fields/tech-detection.ts";
import { webContent } from "#functions/enrichment/fields/web-content.ts";
import { webDiscovery } from "#functions/enrichment/fields/web-discovery.ts";
import { simulatedCompany } from "#infra/simulator/company.ts";
import { loadSimulatorConfig } from "#infra/simulator/config.ts";
import { type RunningSimulator, startSimulator } from "#infra/simulator/server.ts";
import { phonesOf, simulatedSite } from "#infra/simulator/websites/site.ts";
import type { Deps } from "#src/deps.ts";
import type { RunnablePlan } from "#src/platform/chunk-work.ts";
import { createLogger } from "#src/platform/logger.ts";
import { createRedis, type Redis } from "#src/platform/redis.ts";
import { scrapingbee } from "#src/providers/scrapingbee/provider.ts";
import { twilio } from "#src/providers/twilio/provider.ts";
import { websearch } from "#src/providers/websearch/provider.ts";
import { website } from "#src/providers/website/provider.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { connectedProviders } from "#tests/support/gateways.ts";
import { type SeededJob, seedImportedJob, seedWorkspace } from "#tests/support/seed.ts";

const FIRST_CUI = 21_000_000;
const COMPANIES = 200;
const FIELDS: [Field, string[]][] = [
  [webDiscovery, ["contact-list"]],
  [webContent, ["web-discovery"]],
  [techDetection, ["web-discovery", "web-content"]],
  [phoneValidation, ["web-content"]],
];

const FRESH = { freshMs: 86_400_000, absentMs: 86_400_000 };

let database: TestDatabase;
let simulator: RunningSimulator;
let db: Db;
let redis: Redis;
let deps: Deps;
let job: SeededJob;
/** Requests that the simulated web had seen when each field was done. */
const requestsAfter: number[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb(database.url);
  redis = createRedis(inject("redisUrl"));
  const quick = ["WEBSITES", "WEBSEARCH", "SCRAPINGBEE", "TWILIO"].flatMap((name) => [
    [`SIMULATOR_${name}_LATENCY_MS`, "0"],
    [`SIMULATOR_${name}_JITTER_MS`, "0"],
  ]);
  simulator = await startSimulator(loadSimulatorConfig(Object.fromEntries(quick)));
  const env = Object.assign(
    { WEBSITE_CONTACT_URL: "https://cerniq.test/bot", WEBSITE_REQUESTS_PER_10S: 10_000 },
    ...["websites", "websearch", "scrapingbee", "twilio"].map((slug) =>
      simulator.providers.get(slug)?.env(`${simulator.url}/${slug}`),
    ),
  );
  const shared = { db, redis, logger: createLogger("silent"), now: () => new Date() };
  const catalog = { website, websearch, scrapingbee, twilio };
  const providers = connectedProviders({ ...shared, limited: false }, catalog, env);
  const config = { FIELD_DEADLINE_MS: 60_000, FIELD_RETRY_MS: 1_000 };
  deps = { ...shared, config, ...providers } as unknown as Deps;

  const workspaceId = await seedWorkspace(database.url);
  job = await seedImportedJob(db, COMPANIES, { workspaceId, firstCui: FIRST_CUI });
  await writeWebsites();
  await writeMailboxes();
  for (const [field, needs] of FIELDS) {
    await run(field, needs);
    const seen = simulator.providers.get("websites")?.ledger() as { calls: number } | undefined;
    requestsAfter.push(seen?.calls ?? 0);
  }
});
afterAll(async () => {
  await simulator.stop();
  await Promise.all([db.$client.end(), redis.quit()]);
  await database.drop();
});

/** The register knows the site of every second company that has one. */
async function writeWebsites() {
  await inWorkspace(db, job.workspaceId, async (tx) => {
    for (let n = 2; n <= COMPANIES; n += 2) {
      const { domain } = simulatedCompany(FIRST_CUI + n);
      if (domain)
        await tx.execute(sql`UPDATE prospects SET website = ${`www.${domain}`} WHERE cui = ${FIRST_CUI + n}`);
    }
  });
}

/** And some other field has told of the mailbox of every fourth: some have one of their own, some a free one. */
async function writeMailboxes() {
  await inWorkspace(db, job.workspaceId, async (tx) => {
    const { rows } = await tx.execute<{ id: string; cui: number }>(
      sql`SELECT id, cui::int FROM prospects WHERE cui % 4 = 1`,
    );
    const values = rows.map(({ id, cui }) => ({
      ...{ prospectId: id, status: "found" as const, source: "list", confidencePct: 85, costMicros: 0 },
      ...{ snapshotId: null, errorCode: null, observedAt: new Date(), freshUntil: new Date() },
      value: {
        email: cui % 8 === 1 ? "ferma@gmail.com" : `office@${simulatedCompany(cui).domain ?? "gone.example"}`,
      },
    }));
    await writeFieldValues(tx, { ...job, field: "contact-list" }, values);
  });
}

/** Runs a field on all chunks, as its function would. */
async function run(field: Field, needs: string[]) {
  const { id } = field;
  const plan: RunnablePlan = {
    fields: [{ id, required: false, needs, ...FRESH, order: "fixed" }],
    stages: [],
    maxOutstanding: new Map(),
  };
  const chunks = await inWorkspace(db, job.workspaceId, async (tx) => {
    await planChunks(
      tx,
      job,
      { importId: job.importId },
      FIELDS.map(([each]) => each.id),
    );
    await tx.execute(sql`
      WITH requested AS (UPDATE chunk_fields SET status = 'requested' WHERE field = ${id} RETURNING job_id, workspace_id)
      INSERT INTO job_fields (job_id, workspace_id, field, outstanding, max_outstanding)
      SELECT job_id, workspace_id, ${id}, count(*), count(*) FROM requested GROUP BY 1, 2`);
    return (await tx.execute<{ id: string }>(sql`SELECT id FROM chunks`)).rows;
  });
  const step = {
    run: (_: string, work: () => unknown) => work(),
    sleep: async () => {},
  } as unknown as StepTools;
  for (const chunk of chunks) {
    const key = { ...job, chunkId: chunk.id, field: id, attempt: 1, runId: `run of ${id}` };
    await field.work(deps, { key, eventId: undefined }, step, plan);
  }
}

interface Row extends Record<string, unknown> {
  cui: number;
  status: string;
  source: string;
  // biome-ignore lint/suspicious/noExplicitAny: values of four fields
  value: any;
  pct: number;
  cost: number;
}

const valuesOf = (field: string): Promise<Map<number, Row>> =>
  inWorkspace(db, job.workspaceId, async (tx) => {
    const { rows } = await tx.execute<Row>(sql`
      SELECT p.cui::int AS cui, v.status, v.source, v.value, v.confidence_pct AS pct, v.cost_micros::int AS cost
      FROM field_values v JOIN prospects p ON p.id = v.prospect_id WHERE v.field = ${field} ORDER BY 1`);
    return new Map(rows.map((row) => [row.cui, row]));
  });

const inRegister = (cui: number) => (cui - FIRST_CUI) % 2 === 0;
const siteOf = (cui: number) => simulatedSite(simulatedCompany(cui).domain ?? "");
const charged = (slug: string): number =>
  Object.values(simulator.providers.get(slug)?.charges() ?? {}).reduce((sum, cost) => sum + cost, 0);

describe("web-discovery", () => {
  it("finds the site that the register names, whatever state it is in, unless there is none", async () => {
    const states: Record<string, string | null> = {
      plain: "read",
      script_only: "needs_browser",
      cookie_wall: "needs_browser",
      blocks_robots: "blocked",
      disallows_robots: "disallowed",
      huge: "unreadable",
      parked: null,
      dead: null,
      redirect_loop: null,
    };
    const found = await valuesOf("web-discovery");
    const kinds = new Set<string>();
    for (let cui = FIRST_CUI + 2; cui <= FIRST_CUI + COMPANIES; cui += 2) {
      const site = siteOf(cui);
      if (!site) continue;
      kinds.add(site.kind);
      const state = states[site.kind] as string | null;
      expect([site.kind, found.get(cui)?.value?.websiteState ?? null]).toEqual([site.kind, state]);
      if (state)
        expect(found.get(cui)?.value).toMatchObject({
          domain: site.domain,
          webEvidence: { foundBy: "registry" },
        });
    }
    expect(kinds.size).toBeGreaterThan(5);
  });

  it("finds others by a search, and takes no site for a company's without a proof on it", async () => {
    const found = [...(await valuesOf("web-discovery")).values()];
    const searched = found.filter(({ value }) => value?.webEvidence.foundBy === "search");
    expect(searched.length).toBeGreaterThan(8);
    for (const { cui, value, source, pct } of searched) {
      expect(value).toMatchObject({ domain: siteOf(cui)?.domain, webEvidence: { proof: "tax_id" } });
      expect([source, pct]).toEqual(["websearch", 92]);
    }
    // Of companies without a site there is none to be found, though the search finds their neighbours'.
    for (const { cui, status } of found) if (!siteOf(cui)) expect(status).toBe("not_found");
  });

  it("goes by the company's own mailbox, never by a free one", async () => {
    const found = [...(await valuesOf("web-discovery")).values()];
    const mailed = found.filter(({ value }) => value?.webEvidence.foundBy === "email");
    expect(mailed.length).toBeGreaterThan(5);
    for (const { cui, value } of mailed) {
      expect([cui % 8, value.domain]).toEqual([5, simulatedCompany(cui).domain]);
    }
  });

  it("is the surer the better the proof", async () => {
    const found = [...(await valuesOf("web-discovery")).values()].filter(({ status }) => status === "found");
    const byProof = Map.groupBy(
      found.filter(({ cui }) => inRegister(cui)),
      ({ value }) => value.webEvidence.proof,
    );
    expect(new Set(byProof.get("tax_id")?.map(({ pct }) => pct))).toEqual(new Set([98]));
    expect(new Set(byProof.get("none")?.map(({ pct }) => pct))).toEqual(new Set([70]));
    expect(byProof.get("tax_id")?.[0]?.value.webEvidence.snippet).toContain(
      String(byProof.get("tax_id")?.[0]?.cui),
    );
  });
});

describe("web-content and tech-detection", () => {
  it("fetch nothing: what web-discovery has read is read again", () => {
    expect(new Set(requestsAfter).size).toBe(1);
  });

  it("bring the company's own address and numbers, never those of its web designer", async () => {
    const content = await valuesOf("web-content");
    let addresses = 0;
    for (const { cui, value, source } of content.values()) {
      if (source !== "website" || !value) continue;
      const { genericEmails } = simulatedCompany(cui);
      expect([cui, value.email]).toEqual([cui, genericEmails[0] ?? null]);
      expect(value.webPhones).toHaveLength(phonesOf(cui).length);
      if (value.email) addresses++;
    }
    expect(addresses).toBeGreaterThan(15);
  });

  it("ask ScrapingBee only for sites that show others nothing, and never where robots.txt forbids", async () => {
    const content = [...(await valuesOf("web-content")).values()];
    const rendered = content.filter(({ source, status }) => source === "scrapingbee" && status === "found");
    expect(rendered.length).toBeGreaterThan(2);
    for (const { cui } of rendered)
      expect(["script_only", "cookie_wall", "blocks_robots"]).toContain(siteOf(cui)?.kind);
    for (const slug of ["websites", "scrapingbee"])
      expect(simulator.providers.get(slug)?.ledger()).not.toHaveProperty("uninvited");
  });

  it("tell what sites are made with", async () => {
    const tech = [...(await valuesOf("tech-detection")).values()].filter(({ status }) => status === "found");
    const names = tech.flatMap(({ value }) => value.technologies.map(({ name }: { name: string }) => name));
    expect(names).toEqual(expect.arrayContaining(["WordPress", "jQuery", "Google Analytics", "Meta Pixel"]));
    expect(tech.some(({ value }) => value.sellsOnline)).toBe(true);
    expect(tech.some(({ value }) => !value.sellsOnline)).toBe(true);
  });
});

describe("phone-validation", () => {
  it("settles what the numbering plan knows for free, and looks up only switchboards", async () => {
    const phones = [...(await valuesOf("phone-validation")).values()];
    const bySource = Map.groupBy(phones, ({ source }) => source);
    for (const { value, cost } of bySource.get("libphonenumber") ?? []) {
      expect(value.phone).toMatch(/^\+40\d{9}$/);
      expect(["mobile", "landline", "uan"]).toContain(value.phoneType);
      expect(cost).toBe(0);
    }
    const lookedUp = bySource.get("twilio") ?? [];
    expect(lookedUp.length).toBeGreaterThan(1);
    for (const { cui, value } of lookedUp) {
      expect(value.phones).toEqual([{ ...value.phones[0], e164: phonesOf(cui)[0], source: "web-content" }]);
    }
  });
});

it("what the providers have charged is what we have written down, to the micro-euro", async () => {
  const rows = await inWorkspace(db, job.workspaceId, async (tx) => {
    const { rows } = await tx.execute<{ provider: string; cost: number }>(
      sql`SELECT provider, sum(cost_micros)::int AS cost FROM provider_calls GROUP BY 1`,
    );
    return rows;
  });
  const ours = Object.fromEntries(rows.map(({ provider, cost }) => [provider, cost]));
  expect(ours).toEqual({
    website: 0,
    websearch: charged("websearch"),
    scrapingbee: charged("scrapingbee"),
    twilio: charged("twilio"),
  });
  expect(Object.values(ours).filter((cost) => cost > 0)).toHaveLength(3);
  const perValue = await Promise.all(FIELDS.map(([{ id }]) => valuesOf(id)));
  const spent = perValue.flatMap((values) => [...values.values()]).reduce((sum, { cost }) => sum + cost, 0);
  expect(spent).toBe(charged("websearch") + charged("scrapingbee") + charged("twilio"));
});
