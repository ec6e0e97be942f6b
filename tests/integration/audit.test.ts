import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { sql } from "drizzle-orm";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createDb, type Db, inRetention, inSystem, inWorkspace } from "#db/client.ts";
import { countOldEntries, listAudit, removeOldEntries } from "#db/queries/audit.ts";
import { sweepExpiredApprovals } from "#src/platform/approvals.ts";
import { type AuditEvent, recordAudit } from "#src/platform/audit.ts";
import { hashOfEntry } from "#src/platform/audit-chain.ts";
import { verifyAudit } from "#src/platform/audit-verify.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { seedImportedJob, seedWorkspace } from "#tests/support/seed.ts";

let database: TestDatabase;
let db: Db;
/** The owner of the database: no right and no policy binds it. */
let owner: pg.Client;
let workspaceId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb(database.url, { max: 20 });
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
});

const event = (n: number): AuditEvent => ({
  actor: { kind: "user", id: "user-1" },
  action: "thing.changed",
  subject: { kind: "thing", id: `thing-${n}` },
  details: { n, why: "test" },
  ip: "192.0.2.1",
  correlationId: `request-${n}`,
});
const write = (n: number) => inWorkspace(db, workspaceId, (tx) => recordAudit(tx, event(n)));
const entries = async () =>
  (await owner.query("SELECT * FROM audit_entries WHERE workspace_id = $1 ORDER BY seq", [workspaceId])).rows;

/** Changes entries as nobody but who owns the server can: past rights and triggers. */
async function tamper(statement: string, values: unknown[] = []): Promise<void> {
  await owner.query("SET session_replication_role = replica");
  await owner.query(statement, values);
  await owner.query("SET session_replication_role = DEFAULT");
}
const verified = async () => {
  const { problems, problemCount } = await verifyAudit(db, workspaceId);
  expect(problems).toHaveLength(problemCount);
  return problems;
};

describe("an entry", () => {
  it("is written with its change, or not at all", async () => {
    await write(1);
    const undone = inWorkspace(db, workspaceId, async (tx) => {
      await recordAudit(tx, event(2));
      throw new Error("the change failed");
    });
    await expect(undone).rejects.toThrow("the change failed");
    await write(3);
    expect((await entries()).map((row) => [row.seq, row.subject_id])).toEqual([
      [1, "thing-1"],
      [2, "thing-3"],
    ]);
  });

  it("follows the one before under 50 writers at once: no gap, no fork, time never goes back", async () => {
    const writers = Array.from({ length: 50 }, (_, n) => write(n));
    // Some give up half-way, as requests do.
    const failing = Array.from({ length: 10 }, () =>
      inWorkspace(db, workspaceId, async (tx) => {
        await recordAudit(tx, event(0));
        throw new Error("given up");
      }).catch(() => {}),
    );
    await Promise.all([...writers, ...failing]);
    const rows = await entries();
    expect(rows.map((row) => row.seq)).toEqual(Array.from({ length: 50 }, (_, n) => n + 1));
    expect(new Set(rows.map((row) => row.previous_hash)).size).toBe(50);
    expect(rows.slice(1).every((row, n) => row.previous_hash === rows[n].hash && row.at >= rows[n].at)).toBe(
      true,
    );
  });
});

describe("the tables", () => {
  const refused = { cause: { code: "42501" } };

  it("let the app add and read, and nothing else", async () => {
    await write(1);
    for (const statement of [
      sql`UPDATE audit_entries SET action = 'other'`,
      sql`DELETE FROM audit_entries`,
      sql`UPDATE audit_details SET details = '{}'`,
      sql`DELETE FROM audit_heads`,
      sql`UPDATE audit_heads SET anchor_seq = 0`,
    ]) {
      const change = inWorkspace(db, workspaceId, (tx) => tx.execute(statement));
      await expect(change).rejects.toMatchObject(refused);
    }
    const read = inSystem(db, (tx) => tx.execute(sql`SELECT 1 FROM audit_entries`));
    await expect(read).rejects.toMatchObject(refused);
  });

  it("refuse their owner, too", async () => {
    await write(1);
    for (const statement of [
      "UPDATE audit_entries SET action = 'other'",
      "DELETE FROM audit_entries",
      "TRUNCATE audit_entries CASCADE",
      "UPDATE audit_details SET ip = NULL",
    ])
      await expect(owner.query(statement)).rejects.toMatchObject({ code: "42501" });
    expect(await entries()).toHaveLength(1);
  });
});

describe("verification", () => {
  beforeEach(async () => {
    for (let n = 1; n <= 8; n++) await write(n);
  });
  const of = "WHERE workspace_id = $1";

  it("finds nothing wrong with what was written", async () => {
    const report = await verifyAudit(db, workspaceId);
    const newest = (await entries()).at(-1);
    expect(report).toEqual({
      seq: 8,
      hash: newest.hash,
      entries: 8,
      removedUpTo: 0,
      detailsErased: 0,
      problems: [],
      problemCount: 0,
    });
    const nobody = await verifyAudit(db, await seedWorkspace(database.url));
    expect(nobody).toMatchObject({ seq: 0, entries: 0, problemCount: 0 });
  });

  it.each([
    "action = 'other'",
    "actor_id = 'user-2'",
    "actor_kind = 'system'",
    "subject_id = NULL",
    "subject_kind = 'other'",
    "legal_basis = 'consent'",
    "correlation_id = 'other'",
    "at = at + interval '1 millisecond'",
    "details_digest = NULL",
    "previous_hash = hash",
    "hash = previous_hash",
  ])("names the entry that was changed: %s", async (change) => {
    await tamper(`UPDATE audit_entries SET ${change} ${of} AND seq = 5`, [workspaceId]);
    expect((await verified())[0]).toEqual({ kind: "changed", seq: 5 });
  });

  it("names the entry that was changed and hashed anew", async () => {
    const row = (await entries())[4];
    const hash = hashOfEntry({
      workspaceId,
      seq: row.seq,
      at: row.at.toISOString(),
      actorKind: row.actor_kind,
      actorId: "somebody-else",
      action: row.action,
      subjectKind: row.subject_kind,
      subjectId: row.subject_id,
      legalBasis: row.legal_basis,
      correlationId: row.correlation_id,
      detailsDigest: row.details_digest,
      previousHash: row.previous_hash,
    });
    await tamper(`UPDATE audit_entries SET actor_id = 'somebody-else', hash = $2 ${of} AND seq = 5`, [
      workspaceId,
      hash,
    ]);
    expect(await verified()).toEqual([{ kind: "rewritten", seq: 5 }]);
  });

  it("names entries that were removed: at the beginning, in the middle, at the end", async () => {
    await tamper(`DELETE FROM audit_entries ${of} AND seq IN (1, 4, 5, 8)`, [workspaceId]);
    expect(await verified()).toEqual([
      { kind: "removed", seq: 1, toSeq: 1 },
      { kind: "removed", seq: 4, toSeq: 5 },
      { kind: "removed", seq: 8, toSeq: 8 },
    ]);
  });

  it("notices when all are gone", async () => {
    await tamper(`DELETE FROM audit_entries ${of}`, [workspaceId]);
    expect(await verified()).toEqual([{ kind: "removed", seq: 1, toSeq: 8 }]);
  });

  it("names an entry that was inserted, and those that made room for it", async () => {
    await tamper(`UPDATE audit_entries SET seq = -seq - 1 ${of} AND seq > 4`, [workspaceId]);
    await tamper(`UPDATE audit_entries SET seq = -seq ${of} AND seq < 0`, [workspaceId]);
    const before = (await entries())[3];
    const forged = {
      workspaceId,
      seq: 5,
      at: before.at.toISOString(),
      actorKind: "user",
      actorId: "user-1",
      action: "thing.changed",
      subjectKind: "thing",
      subjectId: null,
      legalBasis: null,
      correlationId: null,
      detailsDigest: null,
      previousHash: before.hash,
    };
    await tamper(
      `INSERT INTO audit_entries (workspace_id, seq, at, actor_kind, actor_id, action, subject_kind, previous_hash, hash)
       VALUES ($1, 5, $2, 'user', 'user-1', 'thing.changed', 'thing', $3, $4)`,
      [workspaceId, forged.at, forged.previousHash, hashOfEntry(forged)],
    );
    const problems = (await verified()).filter(({ kind }) => kind !== "details_changed");
    expect(problems).toEqual([
      { kind: "moved", seq: 6, wasSeq: 5 },
      { kind: "inserted", seq: 5 },
      { kind: "moved", seq: 7, wasSeq: 6 },
      { kind: "moved", seq: 8, wasSeq: 7 },
      // It lies past the end that the chain knows.
      { kind: "inserted", seq: 9 },
    ]);
  });

  it("names entries that changed places", async () => {
    await tamper(
      `UPDATE audit_entries SET seq = CASE seq WHEN 3 THEN -6 ELSE -3 END ${of} AND seq IN (3, 6)`,
      [workspaceId],
    );
    await tamper(`UPDATE audit_entries SET seq = -seq ${of} AND seq < 0`, [workspaceId]);
    expect(await verified()).toEqual(
      expect.arrayContaining([
        { kind: "moved", seq: 3, wasSeq: 6 },
        { kind: "moved", seq: 6, wasSeq: 3 },
      ]),
    );
  });

  it("tells details that were changed from those that were erased", async () => {
    await tamper(`UPDATE audit_details SET details = '{"n": 100}' ${of} AND seq = 2`, [workspaceId]);
    await tamper(`UPDATE audit_details SET ip = '192.0.2.2' ${of} AND seq = 3`, [workspaceId]);
    await inWorkspace(db, workspaceId, (tx) => tx.execute(sql`DELETE FROM audit_details WHERE seq = 4`));
    const report = await verifyAudit(db, workspaceId);
    expect(report.problems).toEqual([
      { kind: "details_changed", seq: 2 },
      { kind: "details_changed", seq: 3 },
    ]);
    expect(report.detailsErased).toBe(1);
  });

  it("holds after old entries were removed, and still finds what is wrong with the rest", async () => {
    const before = new Date("2126-01-01");
    expect(await inWorkspace(db, workspaceId, (tx) => countOldEntries(tx, before))).toBe(8);
    const removed = await inRetention(db, (tx) => removeOldEntries(tx, { workspaceId, before, limit: 5 }));
    expect(removed).toBe(5);
    expect(await verifyAudit(db, workspaceId)).toMatchObject({ entries: 3, removedUpTo: 5, problemCount: 0 });
    await write(9);
    expect(await verified()).toEqual([]);
    await tamper(`DELETE FROM audit_entries ${of} AND seq = 6`, [workspaceId]);
    expect(await verified()).toEqual([{ kind: "removed", seq: 6, toSeq: 6 }]);
  });

  it("holds after all were removed because of their age, and goes on from there", async () => {
    const before = new Date("2126-01-01");
    await inRetention(db, (tx) => removeOldEntries(tx, { workspaceId, before, limit: 100 }));
    expect(await verifyAudit(db, workspaceId)).toMatchObject({ entries: 0, removedUpTo: 8, problemCount: 0 });
    await write(9);
    expect(await verifyAudit(db, workspaceId)).toMatchObject({ entries: 1, seq: 9, problemCount: 0 });
  });
});

describe("npm run audit:verify", () => {
  /** As a process of its own: what it says, and its exit code. */
  const run = async (...args: string[]) => {
    const options = { env: { ...process.env, DATABASE_URL: database.url } };
    return promisify(execFile)(process.execPath, ["infra/audit/verify.ts", ...args], options).then(
      ({ stdout }) => ({ code: 0, text: stdout }),
      ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
        code,
        text: stdout + stderr,
      }),
    );
  };

  it("ends with 0 when all is whole, with 1 and the place when not, with 2 when it was asked wrongly", async () => {
    for (let n = 1; n <= 3; n++) await write(n);
    // The workspace's slug is its id here.
    const whole = await run("--workspace", workspaceId);
    expect(whole).toEqual({
      code: 0,
      text: `${workspaceId}: whole, 3 entries; newest 3 ${(await entries())[2].hash}\n`,
    });
    await tamper("DELETE FROM audit_entries WHERE workspace_id = $1 AND seq = 2", [workspaceId]);
    const broken = await run();
    expect(broken.code).toBe(1);
    expect(broken.text).toContain(`${workspaceId}: BROKEN in 1 place, 2 entries`);
    expect(broken.text).toContain("  entry 2 was removed\n");
    expect(await run("--workspace", "nobody")).toEqual({ code: 2, text: "There is no workspace nobody.\n" });
  });
});

it("says what we have decided ourselves: an approval that nobody looked at in time", async () => {
  const job = await seedImportedJob(db, 1, { workspaceId });
  const { rows } = await inWorkspace(db, workspaceId, (tx) =>
    tx.execute<{ id: string }>(sql`
      INSERT INTO approvals (workspace_id, prospect_id, job_id, field, source, value, confidence_pct, fresh_for_ms,
                             default_decision, expires_at)
      SELECT workspace_id, id, ${job.jobId}, 'legal-data', 'test', '{"x": 1}', 80, 1, 'reject', now() FROM prospects
      RETURNING id`),
  );
  expect(await sweepExpiredApprovals({ db })).toBe(1);
  expect(await entries()).toMatchObject([
    { actor_kind: "system", actor_id: "approvals", action: "approval.rejected", subject_id: rows[0]?.id },
  ]);
});

describe("the list", () => {
  it("is filtered by actor, action, subject and time, and shows what was erased as such", async () => {
    for (let n = 1; n <= 4; n++) await write(n);
    await inWorkspace(db, workspaceId, (tx) =>
      recordAudit(tx, {
        actor: { kind: "system", id: "retention" },
        action: "retention.run",
        subject: { kind: "workspace" },
      }),
    );
    await inWorkspace(db, workspaceId, (tx) => tx.execute(sql`DELETE FROM audit_details WHERE seq = 4`));
    const list = (filter: object, beforeSeq: number | null = null) =>
      inWorkspace(db, workspaceId, (tx) => listAudit(tx, { filter, beforeSeq, limit: 10 })).then((rows) =>
        rows.map(({ seq }) => seq),
      );
    expect(await list({})).toEqual([5, 4, 3, 2, 1]);
    expect(await list({}, 3)).toEqual([2, 1]);
    expect(await list({ actorId: "retention" })).toEqual([5]);
    expect(await list({ action: "thing." })).toEqual([4, 3, 2, 1]);
    expect(await list({ action: "retention.run" })).toEqual([5]);
    expect(await list({ subjectKind: "thing", subjectId: "thing-2" })).toEqual([2]);
    const third = (await entries())[2].at as Date;
    expect(await list({ from: third })).toContain(3);
    expect(await list({ to: third })).not.toContain(3);
  });
});
