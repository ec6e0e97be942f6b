import { randomBytes } from "node:crypto";
import { sql } from "drizzle-orm";
import { Hono } from "hono";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createDb, type Db, inWorkspace } from "#db/client.ts";
import { planChunks } from "#db/queries/chunks.ts";
import { targetsOfField } from "#db/queries/field-values.ts";
import { listProspects } from "#db/queries/prospects.ts";
import type { Deps } from "#src/deps.ts";
import type { Contact } from "#src/domain/privacy/contact-key.ts";
import type { AppEnv } from "#src/http/envelope.ts";
import { errorHandler } from "#src/http/errors.ts";
import { mount } from "#src/http/mount.ts";
import { auditEndpoints } from "#src/http/routes/audit.ts";
import { privacyEndpoints } from "#src/http/routes/privacy.ts";
import { createLogger } from "#src/platform/logger.ts";
import { isSuppressed, suppress } from "#src/platform/privacy/suppression.ts";
import { createVault } from "#src/platform/vault.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { NOW, seedEnriched } from "#tests/support/merges.ts";
import { type SeededJob, seedWorkspace } from "#tests/support/seed.ts";

const vault = createVault([{ id: "k1", key: randomBytes(32) }]);
const EMAIL = "ion.popescu@ferma-exemplu.ro";
const PHONE = "+40722123456";

let database: TestDatabase;
let db: Db;
let owner: pg.Client;
let app: Hono<AppEnv>;
let workspaceId: string;
let job: SeededJob & { ids: string[] };

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb(database.url);
  owner = new pg.Client({ connectionString: database.url });
  await owner.connect();
});
afterAll(async () => {
  await owner.end();
  await db.$client.end();
  await database.drop();
});
beforeEach(async () => {
  workspaceId = await seedWorkspace(database.url);
  const verified = (n: number, email: string) => ({
    n,
    field: "email-verification",
    value: { email, emailChecked: email, emailVerified: true, emailStatus: "valid" },
  });
  job = await seedEnriched(db, 3, [verified(0, EMAIL), verified(1, EMAIL), verified(2, "x@other.ro")], {
    workspaceId,
  });
  app = appOf(workspaceId);
});

function appOf(workspace: string): Hono<AppEnv> {
  const logger = createLogger("silent");
  const deps = { db, vault, logger, now: () => NOW } as unknown as Deps;
  const hono = new Hono<AppEnv>();
  hono.onError(errorHandler(logger));
  hono.use(async (c, next) => {
    c.set("requestId", "request-1");
    c.set("workspaceId", workspace);
    c.set("principal", { kind: "user", id: "user-1", workspaceId: workspace, role: "owner", scopes: null });
    await next();
  });
  mount(hono, "", [...privacyEndpoints(deps), ...auditEndpoints(deps)], {
    checkAnswers: true,
    checkAudit: true,
  });
  return hono;
}

// biome-ignore lint/suspicious/noExplicitAny: what the API answers, as a client sees it
async function call(method: string, path: string, body?: unknown): Promise<{ status: number } & any> {
  const headers = { "content-type": "application/json" };
  const request = body === undefined ? { method } : { method, headers, body: JSON.stringify(body) };
  const answer = await app.request(path, request);
  return { status: answer.status, ...((await answer.json()) as object) };
}
const id = (n: number) => job.ids[n] as string;
const inMine = <T>(work: Parameters<typeof inWorkspace<T>>[2]) => inWorkspace(db, workspaceId, work);
const suppressed = (contacts: Contact[], workspace = workspaceId) =>
  inWorkspace(db, workspace, (tx) => isSuppressed(tx, { vault }, workspace, contacts));
const email = (value: string): Contact => ({ kind: "email", value });

describe("the legal-basis register", () => {
  it("begins with the release's purposes, each with its basis, assessment and retention", async () => {
    const { data } = await call("GET", "/privacy/legal-bases");
    expect(data.map((each: { purpose: string }) => each.purpose)).toEqual([
      "b2b_prospecting",
      "customer_relationship",
      "public_registers",
      "security_audit",
      "suppression",
    ]);
    expect(data[0]).toMatchObject({ legalBasis: "legitimate_interest", updatedBy: null });
  });

  it("keeps the workspace's own words, and says who wrote them", async () => {
    const purpose = {
      title: "Newsletter",
      legalBasis: "consent",
      assessment: "Double opt-in.",
      dataCategories: ["e-mail address"],
      retention: "Until withdrawn",
    };
    expect((await call("PUT", "/privacy/legal-bases/newsletter", purpose)).data).toMatchObject({
      ...purpose,
      purpose: "newsletter",
      assessmentReference: null,
      updatedBy: "user-1",
    });
    const { data } = await call("GET", "/privacy/legal-bases");
    expect(data).toHaveLength(6);
    const [entry] = (await call("GET", "/audit?action=purpose.set")).data;
    expect(entry).toMatchObject({
      actor: { kind: "user", id: "user-1" },
      subject: { kind: "purpose", id: "newsletter" },
      correlationId: "request-1",
    });
    app = appOf(await seedWorkspace(database.url));
    expect((await call("GET", "/privacy/legal-bases")).data).toHaveLength(5);
  });

  it("never leaves prospects on a basis that no purpose has", async () => {
    const { data } = await call("GET", "/privacy/legal-bases");
    const onInterest = data.filter(
      (each: { legalBasis: string }) => each.legalBasis === "legitimate_interest",
    );
    const answers = [];
    for (const { purpose, updatedBy: _, updatedAt: __, ...words } of onInterest)
      answers.push(
        await call("PUT", `/privacy/legal-bases/${purpose}`, { ...words, legalBasis: "contract" }),
      );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 409]);
    expect(answers[2].error).toMatchObject({ code: "basis_in_use", field: "legalBasis" });
    const invented = inMine((tx) => tx.execute(sql`UPDATE prospects SET legal_basis = 'because'`));
    await expect(invented).rejects.toMatchObject({ cause: { code: "23514" } });
  });
});

describe("the suppression list", () => {
  it("knows a contact again however it is written, its domain and those beneath", async () => {
    const contacts = [
      email(EMAIL),
      { kind: "phone", value: "0722 123 456" },
      { kind: "domain", value: "agro.ro" },
      { kind: "cui", value: "RO14399840" },
    ];
    const added = await call("POST", "/privacy/suppressions", { contacts });
    expect(added).toMatchObject({ status: 201, data: { added: 4, alreadyListed: 0 } });
    expect(
      await suppressed([
        email(" Ion.Popescu@Ferma-Exemplu.RO"),
        email("maria@ferma-exemplu.ro"),
        { kind: "phone", value: "+40 722-123.456" },
        email("office@mail.agro.ro"),
        email("office@notagro.ro"),
        { kind: "domain", value: "www.agro.ro" },
        { kind: "cui", value: "14399840" },
        email("no address"),
      ]),
    ).toEqual([true, false, true, true, false, true, true, false]);
    const again = await call("POST", "/privacy/suppressions", {
      contacts: [email(EMAIL), email("new@x.ro")],
    });
    expect(again.data).toEqual({ added: 1, alreadyListed: 1 });
  });

  it("is each workspace's own, also in its hashes", async () => {
    const other = await seedWorkspace(database.url);
    const cause = { reason: "manual", source: "test", by: "user-1" } as const;
    await inMine((tx) => suppress(tx, { vault }, workspaceId, [email(EMAIL)], cause));
    expect(await suppressed([email(EMAIL)], other)).toEqual([false]);
    await inWorkspace(db, other, (tx) => suppress(tx, { vault }, other, [email(EMAIL)], cause));
    const { rows } = await owner.query(
      "SELECT count(DISTINCT hash)::int AS hashes FROM suppressions WHERE workspace_id IN ($1, $2)",
      [workspaceId, other],
    );
    expect(rows).toEqual([{ hashes: 2 }]);
  });

  it("holds nothing from which an address can be read", async () => {
    await call("POST", "/privacy/suppressions", {
      contacts: [email(EMAIL), { kind: "phone", value: PHONE }],
    });
    const { data } = await call("GET", "/privacy/suppressions?kind=email");
    expect(data).toMatchObject([{ kind: "email", reason: "manual", source: "api", createdBy: "user-1" }]);
    expect(data[0].hash).toMatch(/^[0-9a-f]{64}$/);
    const tables = ["suppressions", "suppression_peppers", "audit_entries", "audit_details"];
    let text = "";
    for (const table of tables) {
      const { rows } = await owner.query<{ row: string }>(`SELECT t::text AS row FROM ${table} t`);
      text += rows.map(({ row }) => row).join("\n");
    }
    expect(text).toContain(data[0].hash);
    expect(text).not.toMatch(/popescu|722123456/i);
  });

  it("refuses a list with one that is no contact, and says which without repeating it", async () => {
    const contacts = [email(EMAIL), email("ion popescu")];
    const { status, error } = await call("POST", "/privacy/suppressions", { contacts });
    expect(status).toBe(422);
    expect(error).toMatchObject({ code: "not_a_contact", field: "contacts.1.value" });
    expect(error.message).not.toContain("popescu");
    expect(await suppressed([email(EMAIL)])).toEqual([false]);
    const tooMany = Array.from({ length: 1_001 }, (_, n) => email(`a${n}@b.ro`));
    expect((await call("POST", "/privacy/suppressions", { contacts: tooMany })).status).toBe(422);
    expect((await call("POST", "/privacy/suppressions", { contacts, force: true })).status).toBe(422);
  });

  it("takes a thousand at once, and two requests at once for the same", async () => {
    const contacts = Array.from({ length: 1_000 }, (_, n) => email(`contact${n}@ferma.ro`));
    const answers = await Promise.all([1, 2].map(() => call("POST", "/privacy/suppressions", { contacts })));
    expect(answers.reduce((sum, { data }) => sum + data.added, 0)).toBe(1_000);
    expect((await suppressed(contacts)).every(Boolean)).toBe(true);
  });

  it("forgets nothing: a correction lifts an entry, and leaves it on the record", async () => {
    await call("POST", "/privacy/suppressions", { contacts: [email(EMAIL)] });
    const found = await call("POST", "/privacy/suppressions/check", {
      contacts: [email(EMAIL), email("a@b.ro")],
    });
    expect(found.data[1]).toBeNull();
    const path = `/privacy/suppressions/${found.data[0].id}/lift`;
    expect((await call("POST", path, {})).status).toBe(422);
    expect(await call("POST", path, { reason: "Typed in by mistake." })).toMatchObject({ status: 200 });
    expect(await suppressed([email(EMAIL)])).toEqual([false]);
    expect((await call("POST", path, { reason: "Again." })).status).toBe(404);
    expect((await call("GET", "/privacy/suppressions")).data).toMatchObject([
      { liftedBy: "user-1", liftReason: "Typed in by mistake." },
    ]);
    expect((await call("GET", "/audit?action=suppression.lifted")).data).toHaveLength(1);
    for (const statement of [sql`DELETE FROM suppressions`, sql`UPDATE suppressions SET hash = ''`]) {
      const change = inMine((tx) => tx.execute(statement));
      await expect(change).rejects.toMatchObject({ cause: { code: "42501" } });
    }
    expect((await call("POST", "/privacy/suppressions", { contacts: [email(EMAIL)] })).data.added).toBe(1);
    expect(await suppressed([email(EMAIL)])).toEqual([true]);
  });
});

describe("an objection", () => {
  const listed = async () =>
    (await inMine((tx) => listProspects(tx, { filter: {}, afterId: null, limit: 10 }))).map((row) => row.id);

  it("suppresses the contact, and takes out of all work whom it reaches", async () => {
    const { status, data } = await call("POST", "/privacy/objections", { contact: email(EMAIL) });
    expect(status).toBe(201);
    expect(data).toEqual({ suppressed: 1, prospectIds: [id(0), id(1)] });
    expect(await suppressed([email(EMAIL)])).toEqual([true]);
    expect(await listed()).toEqual([id(2)]);
    const targets = await inMine(async (tx) => {
      await planChunks(tx, job, { importId: job.importId }, ["phone-validation"]);
      const { rows } = await tx.execute<{ id: string }>(
        sql`SELECT id FROM chunks WHERE job_id = ${job.jobId}`,
      );
      const chunkId = rows[0]?.id as string;
      return targetsOfField(tx, { chunkId, jobId: job.jobId, field: "phone-validation" });
    });
    expect(targets.map((target) => target.id)).toEqual([id(2)]);
    const [entry] = (await call("GET", "/audit?action=objection.received")).data;
    expect(entry).toMatchObject({ legalBasis: "legal_obligation", details: { prospects: 2, suppressed: 1 } });
  });

  it("of a sole trader suppresses all that is known, the tax id too; of a company the one contact", async () => {
    await inMine((tx) =>
      tx.execute(sql`UPDATE prospects SET is_natural_person = true, cui = 14399840 WHERE id = ${id(2)}`),
    );
    const contact = email("x@other.ro");
    const { data } = await call("POST", "/privacy/objections", { contact, reason: "unsubscribe" });
    expect(data).toEqual({ suppressed: 2, prospectIds: [id(2)] });
    expect(await suppressed([contact, { kind: "cui", value: "14399840" }])).toEqual([true, true]);
    expect((await call("GET", "/privacy/suppressions?reason=unsubscribe")).data).toHaveLength(2);
  });

  it("of a prospect suppresses its contacts, and is harmless when it comes again", async () => {
    const first = await call("POST", "/privacy/objections", { prospectId: id(0) });
    expect(first.data).toEqual({ suppressed: 1, prospectIds: [id(0)] });
    const again = await call("POST", "/privacy/objections", { prospectId: id(0) });
    expect(again).toMatchObject({ status: 201, data: { suppressed: 0, prospectIds: [id(0)] } });
    expect(await listed()).toEqual([id(1), id(2)]);
  });

  it("of somebody unknown is kept all the same; of nobody, or a prospect of others, refused", async () => {
    const unknown = await call("POST", "/privacy/objections", { contact: email("nobody@else.ro") });
    expect(unknown.data).toEqual({ suppressed: 1, prospectIds: [] });
    expect((await call("POST", "/privacy/objections", {})).status).toBe(422);
    app = appOf(await seedWorkspace(database.url));
    expect(await call("POST", "/privacy/objections", { prospectId: id(0) })).toMatchObject({
      status: 404,
      error: { code: "prospect_not_found" },
    });
  });
});
