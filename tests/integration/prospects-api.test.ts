import { sql } from "drizzle-orm";
import { Hono } from "hono";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createDb, type Db, inWorkspace } from "#db/client.ts";
import type { Deps } from "#src/deps.ts";
import type { AppEnv } from "#src/http/envelope.ts";
import { errorHandler } from "#src/http/errors.ts";
import { mount } from "#src/http/mount.ts";
import { mergeEndpoints } from "#src/http/routes/merges.ts";
import { prospectEndpoints } from "#src/http/routes/prospects.ts";
import type { RunnableField, RunnablePlan } from "#src/platform/chunk-work.ts";
import { createLogger } from "#src/platform/logger.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { withoutProviders } from "#tests/support/gateways.ts";
import { NOW, type SeededValue, seedEnriched } from "#tests/support/merges.ts";
import { type SeededJob, seedWorkspace } from "#tests/support/seed.ts";

const line = (id: string, more: Partial<RunnableField> = {}): RunnableField => ({
  ...{ id, required: false, needs: [], freshMs: 1, absentMs: 1, order: "fixed" },
  ...more,
});
const plan: RunnablePlan = {
  fields: [
    line("cui-validation", { required: true }),
    line("financials"),
    line("web-discovery"),
    line("email-discovery", { needs: ["web-discovery"], when: { has: ["domain"], lacks: ["email"] } }),
    line("email-verification", { needs: ["email-discovery"], when: { has: ["email"] } }),
    line("legal-data"),
  ],
  stages: ["merge", "quality-score"],
  maxOutstanding: new Map(),
};
const priced = (priceMicros: number, inUse = true) => [
  { provider: "test", priceMicros: () => priceMicros, inUse: () => inUse },
];
const sources = new Map([
  ["cui-validation", priced(0)],
  ["financials", priced(0, false)],
  ["web-discovery", priced(0)],
  ["email-discovery", priced(30_000)],
  ["email-verification", priced(8_000)],
]);

let database: TestDatabase;
let db: Db;
let app: Hono<AppEnv>;
let job: SeededJob & { ids: string[] };

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb(database.url);
});
afterAll(async () => {
  await db.$client.end();
  await database.drop();
});
beforeEach(async () => {
  const workspaceId = await seedWorkspace(database.url);
  const known = (n: number): SeededValue[] => [
    {
      n,
      field: "cui-validation",
      value: { registrationState: "INREGISTRAT", mainActivity: "0111", deregistered: false },
    },
    { n, field: "web-discovery", value: { domain: `farm${n}.ro`, website: `http://farm${n}.ro/` } },
  ];
  const email = "office@farm1.ro";
  job = await seedEnriched(
    db,
    3,
    [
      ...[0, 1, 2].flatMap(known),
      { n: 1, field: "email-discovery", value: { email, emailKind: "generic" } },
      {
        n: 1,
        field: "email-verification",
        value: { email, emailChecked: email, emailVerified: true, emailStatus: "valid" },
      },
    ],
    { workspaceId },
  );
  const logger = createLogger("silent");
  // What these routes lean on.
  const parts = { db, logger, now: () => NOW };
  const config = { FIELD_DEADLINE_MS: 60_000, FIELD_RETRY_MS: 1_000 };
  const deps = { ...parts, config, ...withoutProviders(parts) } as unknown as Deps;
  app = new Hono<AppEnv>();
  app.onError(errorHandler(logger));
  app.use(async (c, next) => {
    c.set("workspaceId", workspaceId);
    c.set("principal", { kind: "service", id: "test", workspaceId, role: "owner", scopes: null });
    await next();
  });
  const endpoints = [...prospectEndpoints(deps, plan, sources), ...mergeEndpoints(deps)];
  mount(app, "", endpoints, { checkAnswers: true, checkAudit: true });
});

// biome-ignore lint/suspicious/noExplicitAny: what the API answers, as a client sees it
async function call(method: string, path: string, body?: unknown): Promise<{ status: number } & any> {
  const answer = await app.request(path, { method, ...(body ? { body: JSON.stringify(body) } : {}) });
  return { status: answer.status, ...((await answer.json()) as object) };
}
const id = (n: number) => job.ids[n] as string;

describe("GET /prospects/:id", () => {
  it("shows the golden record with the field of each value, and the parts of the score", async () => {
    const { data } = await call("GET", `/prospects/${id(0)}`);
    expect(data.golden.name).toMatchObject({ value: "Ferma 1", source: "onrc", field: null });
    expect(data.golden.domain).toMatchObject({
      value: "farm0.ro",
      field: "web-discovery",
      confidencePct: 90,
    });
    expect(data).toMatchObject({ tier: "silver", mergedInto: null, mergedFrom: [] });
    expect(data.score).toMatchObject({
      tier: "silver",
      completenessPct: 100,
      confidencePct: 90,
      freshnessPct: 100,
    });
  });

  it("shows what came of each field, and why of nothing", async () => {
    await inWorkspace(db, job.workspaceId, (tx) =>
      tx.execute(sql`
        INSERT INTO field_values (workspace_id, prospect_id, job_id, field, status, error_code, observed_at, fresh_until)
        VALUES (${job.workspaceId}, ${id(0)}, ${job.jobId}, 'email-discovery', 'failed', 'no_answer', now(), now()),
               (${job.workspaceId}, ${id(0)}, ${job.jobId}, 'legal-data', 'in_review', NULL, now(), now() + interval '1 day')`),
    );
    const { data } = await call("GET", `/prospects/${id(0)}`);
    expect(data.fields).toMatchObject([
      { field: "cui-validation", required: true, status: "found", fresh: true, reason: null },
      { field: "financials", status: "not_asked", reason: "no_source" },
      { field: "web-discovery", status: "found", value: { domain: "farm0.ro" } },
      { field: "email-discovery", status: "failed", reason: "no_answer", fresh: false },
      { field: "email-verification", status: "ineligible", reason: "attribute_missing" },
      { field: "legal-data", status: "in_review", value: null },
    ]);
  });

  it("names the cheapest call to a better tier, at the sources' prices and by what was found before", async () => {
    const { data } = await call("GET", `/prospects/${id(0)}`);
    expect(data.nextCall).toMatchObject({
      field: "email-discovery",
      tier: "gold",
      missing: { verifiedEmail: true },
    });
    expect(data.nextCall.calls.map((each: { field: string }) => each.field)).toEqual([
      "email-discovery",
      "email-verification",
    ]);
    // One was asked and found for nothing; the price weighs as much as two.
    expect(data.nextCall.calls[0]).toMatchObject({ costMicros: 20_000, brings: ["email", "emailKind"] });
    expect((await call("GET", `/prospects/${id(1)}`)).data).toMatchObject({ tier: "gold", nextCall: null });
  });

  it("says when the person has objected, and enriches no more", async () => {
    await inWorkspace(db, job.workspaceId, (tx) =>
      tx.execute(sql`UPDATE prospects SET objected_at = ${NOW.toISOString()} WHERE id = ${id(0)}`),
    );
    expect((await call("GET", `/prospects/${id(0)}`)).data.objectedAt).toBe(NOW.toISOString());
    expect(await call("POST", `/prospects/${id(0)}/enrich`)).toMatchObject({
      status: 409,
      error: { code: "prospect_objected" },
    });
    expect((await call("GET", "/prospects")).data.map((each: { id: string }) => each.id)).toEqual([
      id(1),
      id(2),
    ]);
  });

  it("answers 404 to what is none", async () => {
    expect(await call("GET", `/prospects/${job.jobId}`)).toMatchObject({
      status: 404,
      error: { code: "prospect_not_found" },
    });
    expect((await call("GET", "/prospects/x")).status).toBe(404);
  });
});

describe("merging over the API", () => {
  it("proposes, merges, lists and undoes", async () => {
    const proposed = await call("GET", "/duplicates?minScore=0");
    expect(proposed.data.length).toBeGreaterThan(0);
    const request = { keepId: id(0), mergeIds: [id(1)], reason: "same business" };
    const { status, data } = await call("POST", "/merges", request);
    expect(status).toBe(201);

    const listed = await call("GET", "/prospects");
    expect(listed.data.map((each: { id: string }) => each.id)).toEqual([id(0), id(2)]);
    expect((await call("GET", `/prospects/${id(0)}`)).data).toMatchObject({
      tier: "gold",
      mergedFrom: [id(1)],
    });
    expect((await call("GET", `/prospects/${id(1)}`)).data).toMatchObject({
      mergedInto: id(0),
      nextCall: null,
    });
    const enriched = await call("POST", `/prospects/${id(1)}/enrich`);
    expect(enriched).toMatchObject({ status: 409, error: { code: "prospect_merged" } });
    expect(enriched.error.message).toContain(id(0));

    expect((await call("GET", `/merges?prospectId=${id(1)}`)).data).toMatchObject([
      { id: data.mergeId, keptId: id(0) },
    ]);
    expect((await call("POST", `/merges/${data.mergeId}/undo`)).status).toBe(200);
    expect((await call("POST", `/merges/${data.mergeId}/undo`)).status).toBe(409);
    expect((await call("GET", "/prospects")).data).toHaveLength(3);
  });

  it("refuses what is no merge in one sentence", async () => {
    const nothing = await call("POST", "/merges", { keepId: id(0), mergeIds: [], reason: "x" });
    expect(nothing).toMatchObject({ status: 422, error: { field: "mergeIds" } });
    expect((await call("POST", `/merges/${job.jobId}/undo`)).status).toBe(404);
    const stranger = await call("POST", "/merges", { keepId: id(0), mergeIds: [job.jobId], reason: "x" });
    expect(stranger).toMatchObject({ status: 404, error: { code: "prospect_not_found" } });
  });
});

describe("the audit trail", () => {
  it("says who has looked at which prospects, and how many, and what was done", async () => {
    await call("GET", "/prospects?limit=2");
    await call("GET", `/prospects/${id(0)}`);
    await call("GET", `/prospects/${job.jobId}`);
    await call("POST", "/merges", { keepId: id(0), mergeIds: [id(1)], reason: "same business" });
    const { rows } = await inWorkspace(db, job.workspaceId, (tx) =>
      tx.execute(sql`
        SELECT actor_kind || ' ' || actor_id AS who, action, subject_id AS subject, legal_basis AS basis, details
        FROM audit_entries LEFT JOIN audit_details USING (workspace_id, seq) ORDER BY seq`),
    );
    const who = "service test";
    const basis = "legitimate_interest";
    expect(rows).toEqual([
      { who, action: "prospects.viewed", subject: null, basis, details: { count: 2 } },
      { who, action: "prospect.viewed", subject: id(0), basis, details: null },
      {
        ...{ who, action: "merge.done", subject: expect.any(String), basis: null },
        details: { keepId: id(0), mergeIds: [id(1)] },
      },
    ]);
  });
});
