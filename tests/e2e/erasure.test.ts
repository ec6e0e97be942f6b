import { randomUUID } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { createDb } from "#db/client.ts";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";
import { writeSampleRegistry } from "#infra/demo/sample-registry.ts";
import { verifyAudit } from "#src/platform/audit-verify.ts";
import { eventually } from "#tests/support/eventually.ts";
import { type MainJob, sampleDir, startMainJob } from "#tests/support/main-job.ts";
import { type Hit, type Person, scanForPerson } from "#tests/support/personal-data-scan.ts";
import { newDataDir, removeFolders, withoutServiceUrls } from "#tests/support/stack-folders.ts";

let main: MainJob;
let file: string;
/** A sole trader, with all that is known of the business. */
let trader: Person & { id: string; cui: number };
/** Somebody who is reached at a company's address. */
let contact: Person;
/** Whom nobody erases: a search that finds nothing of anybody would prove nothing. */
let other: Person & { cui: number };

const SECRET = `whsec_${Buffer.from("a secret of the tests, 32 bytes!").toString("base64")}`;

beforeAll(async () => {
  withoutServiceUrls();
  main = await startMainJob();
  // The operator's own file is no part of the stack.
  ({ file } = await writeSampleRegistry({ dir: sampleDir(newDataDir()), rows: 120, seed: 17 }));
  const job = await main.finished(await main.upload(file), 200_000);
  expect(job).toMatchObject({ status: "done", prospects: { total: 120, failed: 0 } });
});
afterAll(async () => {
  await main?.stop();
  vi.unstubAllEnvs();
  await removeFolders();
});

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at part by part
async function api(method: string, path: string, body?: unknown): Promise<{ status: number; data: any }> {
  const answer = await main.request(path, {
    method,
    headers: { "content-type": "application/json", "idempotency-key": randomUUID() },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, data: ((await answer.json()) as { data: unknown }).data };
}

const scan = (person: Person): Promise<Hit[]> =>
  scanForPerson(person, {
    databaseUrl: main.stack.env.DATABASE_URL as string,
    redisUrl: main.stack.env.REDIS_URL as string,
    dataDir: main.dataDir,
    skip: [`${main.dataDir}/postgres`],
  });

async function erase(person: Record<string, string>): Promise<Record<string, number>> {
  const answer = await api("POST", "/privacy/erasures", { person, ground: "objection" });
  expect(answer).toMatchObject({ status: 202 });
  const certificate = await eventually(
    async () => {
      const { data } = await api("GET", `/privacy/erasures/${answer.data.erasureId}`);
      expect(data.status).not.toBe("failed");
      return data.status === "done" && data;
    },
    { deadlineMs: 120_000 },
  );
  return certificate.removed;
}

interface Row {
  id: string;
  cui: number;
  name: string;
  email: string | null;
  phone: string | null;
}

it("people are found in many places before they are erased", async () => {
  const rows = (natural: boolean) =>
    main.query<Row>(
      `SELECT id, cui::int, name, match_email AS email, match_phone AS phone FROM prospects
       WHERE is_natural_person = $1 AND match_phone IS NOT NULL AND ($1 OR match_email IS NOT NULL) ORDER BY cui`,
      [natural],
    );
  const person = ({ id, cui, name, email, phone }: Row) => ({
    ...{ id, cui, name },
    emails: [email].filter((each) => each !== null),
    phones: [phone as string],
  });
  const [first, second] = await rows(true);
  const [company] = await rows(false);
  const [kept] = await main.query<{ id: string }>(
    "SELECT id FROM prospects WHERE NOT is_natural_person AND id <> $1 LIMIT 1",
    [company?.id],
  );
  trader = person(first as Row);
  other = person(second as Row);
  contact = { emails: [company?.email as string], phones: [] };

  // A merge keeps rows as they were; a webhook is stored as it came; a change leaves an answer and an audit entry.
  const merged = await api("POST", "/merges", {
    keepId: kept?.id,
    mergeIds: [company?.id],
    reason: "the same yard",
  });
  expect(merged.status).toBe(201);
  await sendWebhook("email.bounced", "somebody@example.ro", `For ${trader.name}, ${trader.phones[0]}`);
  await sendWebhook("email.opened", contact.emails[0] as string, "For all");
  await api("POST", "/jobs", { selection: { cui: trader.cui } });
  await eventually(async () => (await main.query("SELECT FROM inbound_events")).length === 2, {
    deadlineMs: 60_000,
  });

  const places = new Set((await scan(trader)).map(({ place }) => place.replace(/^\w+ /, "")));
  for (const table of [
    "prospects",
    "field_values",
    "snapshots",
    "inbound_events",
    "webhook_deliveries",
    "jobs",
  ])
    expect([...places], table).toContain(`public.${table}`);
  expect((await scan(contact)).length).toBeGreaterThan(3);
});

async function sendWebhook(type: string, to: string, subject: string): Promise<void> {
  const { data } = await api("PUT", "/webhook-sources/resend", { secret: SECRET });
  const body = JSON.stringify({
    type,
    created_at: new Date().toISOString(),
    data: {
      email_id: `m-${type}`,
      to: [to],
      from: "Ana <ana@cerniq.test>",
      subject,
      created_at: new Date(),
    },
  });
  const id = `msg_${type}`;
  const at = new Date();
  const url = new URL(data.setup.url);
  const answer = await fetch(`${main.stack.env.APP_URL}${url.pathname}`, {
    method: "POST",
    body,
    headers: {
      "content-type": "application/json",
      "svix-id": id,
      "svix-timestamp": String(Math.floor(at.getTime() / 1_000)),
      "svix-signature": new Webhook(SECRET).sign(id, at, body),
    },
  });
  expect(answer.status).toBe(200);
}

it("what is held about a person can be had, with where it came from", async () => {
  const { status, data } = await api("POST", "/privacy/access-requests", {
    person: { cui: String(trader.cui) },
  });
  expect(status).toBe(200);
  expect(Object.keys(data.held)).toEqual(expect.arrayContaining(["prospects", "field_values", "snapshots"]));
  expect(data.recipients).toContain("anaf");
  expect(data.purposes.length).toBeGreaterThan(0);
  const text = JSON.stringify(data.held);
  expect(text).toContain(trader.name);
  expect(text).not.toContain(other.name as string);
  expect(data.held.field_values[0]).toHaveProperty("source");
});

it("a company is no person", async () => {
  const [company] = await main.query<{ cui: number }>(
    "SELECT cui::int FROM prospects WHERE NOT is_natural_person",
  );
  const answer = await api("POST", "/privacy/erasures", {
    person: { cui: String(company?.cui) },
    ground: "objection",
  });
  expect(answer.status).toBe(422);
});

it("of a sole trader who was erased nothing is left, in no table, key or file", async () => {
  const removed = await erase({ cui: String(trader.cui) });
  expect(removed).toMatchObject({ prospects: 1, inbound_events: 1, snapshots: expect.any(Number) });
  expect(await scan(trader)).toEqual([]);
  expect((await scan(other)).length).toBeGreaterThan(3);
});

it("of a company's contact nothing is left, and the company stays with what else is known", async () => {
  const removed = await erase({ email: contact.emails[0] as string });
  expect(removed.field_values).toBeGreaterThan(0);
  expect(await scan(contact)).toEqual([]);
  const [golden] = await main.query<{ filled: number }>(
    "SELECT count(*)::int AS filled FROM prospects WHERE golden IS NOT NULL AND status = 'enriched'",
  );
  expect(golden?.filled).toBe(119);
});

it("the audit trail is whole, tells of the erasures, and names nobody", async () => {
  const db = createDb(main.stack.env.DATABASE_URL as string, { max: 1 });
  try {
    expect((await verifyAudit(db, DEFAULT_WORKSPACE_ID)).problems).toEqual([]);
  } finally {
    await db.$client.end();
  }
  const actions = await main.query<{ action: string }>("SELECT action FROM audit_entries");
  expect(actions.map(({ action }) => action).filter((action) => action === "person.erased")).toHaveLength(2);
});

it("an import and a provider do not bring them back", async () => {
  const job = await main.finished(await main.upload(file), 200_000);
  expect(job.status).toBe("done");
  const [rejected] = await main.query<{ count: number }>(
    "SELECT count(*)::int FROM rejected_rows WHERE reason = 'erased'",
  );
  expect(rejected?.count).toBeGreaterThan(0);
  expect(await main.query("SELECT FROM prospects WHERE cui = $1", [trader.cui])).toEqual([]);
});
