import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { sql } from "drizzle-orm";
import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createDb, type Db, inWorkspace, type Tx } from "#db/client.ts";
import { planChunks } from "#db/queries/chunks.ts";
import type { RetentionRule } from "#src/domain/privacy/retention-periods.ts";
import { recordAudit } from "#src/platform/audit.ts";
import { verifyAudit } from "#src/platform/audit-verify.ts";
import { mergeProspects } from "#src/platform/merges.ts";
import {
  countDue,
  type RetentionCounts,
  type RuleProgress,
  removeByRule,
  runRetention,
} from "#src/platform/privacy/retention.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { addValues, allRows, seedEnriched } from "#tests/support/merges.ts";
import { type SeededJob, seedWorkspace } from "#tests/support/seed.ts";

/** Rows are written now; runs are years later. */
const TODAY = new Date();
const later = ({ months = 0, days = 0 }): Date => {
  const date = new Date(TODAY);
  date.setUTCMonth(date.getUTCMonth() + months);
  date.setUTCDate(date.getUTCDate() + days);
  return date;
};
const AFTER_23_MONTHS = later({ months: 23 });
const AFTER_25_MONTHS = later({ months: 25 });

let database: TestDatabase;
let db: Db;
let owner: pg.Client;
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
const inMine = <T>(work: (tx: Tx) => Promise<T>) => inWorkspace(db, workspaceId, work);
const run = (statement: ReturnType<typeof sql>) => inMine((tx) => tx.execute(statement));
const id = (n: number) => job.ids[n] as string;
const emailOf = (n: number, email: string) => ({
  n,
  field: "email-verification",
  value: { email, emailChecked: email, emailVerified: true, emailStatus: "valid" },
});
const due = (now: Date) => inMine((tx) => countDue(tx, now));
/** Rules of which something is due, or was removed. */
const some = (counts: RetentionCounts): Partial<Record<RetentionRule, number>> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));

/** Three prospects: a sole trader, and two companies. */
async function seed(): Promise<void> {
  workspaceId = await seedWorkspace(database.url);
  job = await seedEnriched(db, 3, [emailOf(0, "ion@pfa.ro"), emailOf(1, "office@agro.ro")], { workspaceId });
  await run(sql`UPDATE prospects SET is_natural_person = true WHERE id = ${id(0)}`);
}
beforeEach(seed);

describe("24 months after the last interaction", () => {
  it("a sole trader's row goes, and of a company all but the register's row", async () => {
    await run(sql`
      INSERT INTO approvals (workspace_id, prospect_id, job_id, field, source, value, confidence_pct, fresh_for_ms,
                             default_decision, expires_at)
      SELECT ${workspaceId}::uuid, unnest(${sql.param([id(0), id(1)])}::uuid[]), ${job.jobId}, 'legal-data', 'test',
             '{"x": 1}', 80, 1, 'reject', now()`);
    expect(some(await due(AFTER_23_MONTHS))).not.toHaveProperty("sole_traders");
    expect(await due(AFTER_25_MONTHS)).toMatchObject({ sole_traders: 1, companies: 2 });
    await runRetention(db, workspaceId, AFTER_25_MONTHS);
    const { rows } = await run(
      sql`SELECT name, golden, tier, status, match_email FROM prospects ORDER BY id`,
    );
    const empty = { golden: null, tier: null, status: "imported", match_email: null };
    expect(rows).toEqual([
      { name: "Ferma 2", ...empty },
      { name: "Ferma 3", ...empty },
    ]);
    for (const table of ["field_values", "approvals"])
      expect((await run(sql`SELECT 1 FROM ${sql.identifier(table)}`)).rowCount).toBe(0);
    expect(await due(AFTER_25_MONTHS)).toMatchObject({ sole_traders: 0, companies: 0 });
  });

  it("is counted from the newest question about it, or from its newest answer to us", async () => {
    const recently = later({ months: 20 }).toISOString();
    await run(sql`UPDATE field_values SET created_at = ${recently} WHERE prospect_id = ${id(0)}`);
    await owner.query(
      `WITH delivery AS (
         INSERT INTO webhook_deliveries (workspace_id, provider, dedupe_key, headers, body_sha256, received_at)
         VALUES ($1, 'test', 'x', '{}', '', $2) RETURNING id)
       INSERT INTO inbound_events (workspace_id, delivery_id, provider, event_key, kind, channel, occurred_at, contact)
       SELECT $1, id, 'test', 'x', 'replied', 'email', $2, 'office@agro.ro' FROM delivery`,
      [workspaceId, recently],
    );
    expect(await due(AFTER_25_MONTHS)).toMatchObject({ sole_traders: 0, companies: 1 });
    expect(await due(later({ months: 45 }))).toMatchObject({
      sole_traders: 1,
      companies: 2,
      inbound_events: 1,
    });
  });

  it("whom a job is working on stays until that has ended", async () => {
    await inMine((tx) => planChunks(tx, job, { importId: job.importId }, ["phone-validation"]));
    expect(await due(AFTER_25_MONTHS)).toMatchObject({ sole_traders: 0, companies: 0 });
    await run(sql`UPDATE chunks SET status = 'done'`);
    expect(await due(AFTER_25_MONTHS)).toMatchObject({ sole_traders: 1, companies: 2 });
  });
});

describe("an objection", () => {
  it("has the same effect at once", async () => {
    await run(
      sql`UPDATE prospects SET objected_at = now() WHERE id = ANY(${sql.param([id(0), id(1)])}::uuid[])`,
    );
    expect(some(await due(TODAY))).toEqual({ sole_traders: 1, companies: 1 });
    expect(some(await runRetention(db, workspaceId, TODAY))).toEqual({ sole_traders: 1, companies: 1 });
    const { rows } = await run(sql`SELECT id, golden IS NULL AS bare FROM prospects ORDER BY id`);
    expect(rows).toEqual([
      { id: id(1), bare: true },
      { id: id(2), bare: false },
    ]);
  });
});

describe("a merge", () => {
  const merge = (keepId: string, mergeId: string) =>
    inMine((tx) =>
      mergeProspects(tx, { workspaceId, keepId, mergeIds: [mergeId], reason: "test", by: "test" }, TODAY),
    );
  const emailOfGolden = async (n: number) =>
    (await run(sql`SELECT golden #>> '{email,value}' AS email FROM prospects WHERE id = ${id(n)}`)).rows[0]
      ?.email;

  it("loses what came from one that has gone, wherever it was kept", async () => {
    await merge(id(2), id(0));
    expect(await emailOfGolden(2)).toBe("ion@pfa.ro");
    await run(sql`UPDATE prospects SET objected_at = now() WHERE id = ${id(0)}`);
    expect(some(await runRetention(db, workspaceId, TODAY))).toEqual({ sole_traders: 1 });
    expect(await emailOfGolden(2)).toBeNull();
    expect((await allRows(db, workspaceId)).join()).not.toContain("ion@pfa.ro");
    expect((await run(sql`SELECT 1 FROM merge_rows`)).rowCount).toBe(0);
  });

  it("is as old as the one that stands for all", async () => {
    await merge(id(2), id(0));
    await run(
      sql`UPDATE prospects SET created_at = ${later({ months: 10 }).toISOString()} WHERE id = ${id(2)}`,
    );
    expect(await due(AFTER_25_MONTHS)).toMatchObject({ sole_traders: 0, companies: 1 });
  });

  it("lets go those whose kept one has gone", async () => {
    await merge(id(0), id(2));
    await run(sql`UPDATE prospects SET objected_at = now() WHERE id = ${id(0)}`);
    await runRetention(db, workspaceId, TODAY);
    const { rows } = await run(sql`SELECT merged_into FROM prospects WHERE id = ${id(2)}`);
    expect(rows).toEqual([{ merged_into: null }]);
  });
});

describe("what is only kept for a while", () => {
  it("uploaded files go 30 days after the import, and no others", async () => {
    const folder = mkdtempSync(join(tmpdir(), "retention-"));
    const [upload = "", states = "", foreign = ""] = ["a.upload", "b.upload", "c.csv"].map((name) => {
      writeFileSync(join(folder, name), "x");
      return join(folder, name);
    });
    await run(sql`UPDATE imports SET ended_at = now(), file_path = ${upload}, states_path = ${states},
                                     activities_path = ${foreign}`);
    expect(some(await due(later({ days: 29 })))).toEqual({});
    const counts = await runRetention(db, workspaceId, later({ days: 31 }));
    expect(some(counts)).toEqual({ import_files: 1 });
    expect([upload, states, foreign].map((path) => existsSync(path))).toEqual([false, false, true]);
    expect(some(await due(later({ days: 31 })))).toEqual({});
  });

  it("answers of providers go, and what was made of them loses its way back to them only", async () => {
    await run(sql`
      WITH call AS (
        INSERT INTO provider_calls (workspace_id, job_id, provider, operation, field, as_of, repeatable,
                                    idempotency_key, subjects, status)
        VALUES (${workspaceId}, ${job.jobId}, 'test', 'find', 'x', now(), true, 'x', 1, 'settled') RETURNING id),
      snapshot AS (
        INSERT INTO snapshots (workspace_id, call_id, provider, operation, subject, as_of, status, body)
        SELECT ${workspaceId}, id, 'test', 'find', 'x', now(), 'found', '{"email": "ion@pfa.ro"}' FROM call
        RETURNING id)
      UPDATE field_values SET snapshot_id = snapshot.id, created_at = ${AFTER_25_MONTHS.toISOString()} FROM snapshot
      WHERE prospect_id = ${id(0)}`);
    const counts = await runRetention(db, workspaceId, AFTER_25_MONTHS);
    expect(counts).toMatchObject({ snapshots: 1, sole_traders: 0 });
    const { rows } = await run(sql`SELECT snapshot_id FROM field_values WHERE prospect_id = ${id(0)}`);
    expect(rows).toEqual([{ snapshot_id: null }]);
  });

  it("the audit trail keeps three years, and holds afterwards; suppressions stay for ever", async () => {
    const actor = { kind: "user", id: "user-1" } as const;
    const event = { actor, action: "thing.changed", subject: { kind: "thing" } };
    for (let n = 0; n < 3; n++) await inMine((tx) => recordAudit(tx, event));
    await run(sql`
      INSERT INTO suppressions (workspace_id, kind, hash, reason, source, created_by)
      VALUES (${workspaceId}, 'email', 'x', 'manual', 'test', 'test')`);
    expect((await due(later({ months: 35 }))).audit_entries).toBe(0);
    const counts = await runRetention(db, workspaceId, later({ months: 37 }));
    expect(counts.audit_entries).toBe(3);
    // The run's own entry.
    expect(await verifyAudit(db, workspaceId)).toMatchObject({ entries: 1, removedUpTo: 3, problemCount: 0 });
    const { rows } = await run(
      sql`SELECT d.details FROM audit_entries JOIN audit_details d USING (workspace_id, seq)`,
    );
    expect(rows).toEqual([{ details: counts }]);
    expect((await run(sql`SELECT 1 FROM suppressions`)).rowCount).toBe(1);
  });
});

describe("a run", () => {
  /** To the end, in the smallest transactions, each step anew as after a crash. */
  async function runInSteps(now: Date, rule: RetentionRule): Promise<number> {
    let removed = 0;
    let progress: RuleProgress = { removed: 0, afterId: null, done: false };
    while (!progress.done) {
      const from = { workspaceId, now, afterId: progress.afterId };
      progress = await removeByRule(db, rule, from, { batches: 1, batchSize: 2 });
      removed += progress.removed;
    }
    return removed;
  }

  it("removes exactly what the dry run has counted, whatever there is; then nothing is due any more", async () => {
    const prospect = fc.record({
      natural: fc.boolean(),
      objected: fc.boolean(),
      ageMonths: fc.integer({ min: 0, max: 40 }),
      valueAgeMonths: fc.option(fc.integer({ min: 0, max: 40 })),
      mergedInto: fc.option(fc.nat(6)),
    });
    const world = fc.record({
      prospects: fc.array(prospect, { minLength: 1, maxLength: 7 }),
      importAgeDays: fc.option(fc.integer({ min: 0, max: 200 })),
      rejected: fc.nat(5),
      entries: fc.nat(3),
      afterMonths: fc.constantFrom(0, 1, 13, 37),
    });
    await fc.assert(
      fc.asyncProperty(world, async ({ prospects, importAgeDays, rejected, entries, afterMonths }) => {
        workspaceId = await seedWorkspace(database.url);
        const values = prospects.flatMap((each, n) =>
          each.valueAgeMonths === null ? [] : [emailOf(n, `a${n}@b.ro`)],
        );
        job = await seedEnriched(db, prospects.length, [], { workspaceId });
        await inMine((tx) => addValues(tx, { workspaceId, ids: job.ids }, values));
        for (const [n, each] of prospects.entries()) {
          const target = each.mergedInto === null ? null : prospects[each.mergedInto];
          const mergedInto =
            target && target !== each && target.mergedInto === null ? id(each.mergedInto as number) : null;
          await run(sql`
            UPDATE prospects SET is_natural_person = ${each.natural}, merged_into = ${mergedInto}::uuid,
              objected_at = ${each.objected ? TODAY.toISOString() : null}::timestamptz,
              created_at = ${later({ months: -each.ageMonths }).toISOString()} WHERE id = ${id(n)}`);
          await run(sql`
            UPDATE field_values SET created_at = ${later({ months: -(each.valueAgeMonths ?? 0) }).toISOString()}
            WHERE prospect_id = ${id(n)}`);
        }
        if (importAgeDays !== null)
          await run(sql`UPDATE imports SET ended_at = ${later({ days: -importAgeDays }).toISOString()}`);
        await run(sql`
          INSERT INTO rejected_rows (workspace_id, import_id, line_number, reason)
          SELECT ${workspaceId}::uuid, ${job.importId}::uuid, n, 'test' FROM generate_series(1, ${rejected}::int) n`);
        for (let n = 0; n < entries; n++)
          await inMine((tx) =>
            recordAudit(tx, { actor: { kind: "system", id: "test" }, action: "x.y", subject: { kind: "x" } }),
          );

        const now = later({ months: afterMonths });
        const counted = await due(now);
        for (const [rule, count] of Object.entries(counted))
          expect([rule, await runInSteps(now, rule as RetentionRule)]).toEqual([rule, count]);
        expect(some(await due(now))).toEqual({});
        expect((await verifyAudit(db, workspaceId)).problemCount).toBe(0);
      }),
      { numRuns: 12 },
    );
  }, 120_000);

  it("can be asked for by hand: npm run retention, with --dry-run to count only", async () => {
    await run(sql`UPDATE prospects SET objected_at = now() WHERE id = ${id(0)}`);
    const retention = async (...args: string[]) => {
      const env = { ...process.env, DATABASE_URL: database.url };
      const script = ["infra/retention/run.ts", "--workspace", workspaceId, ...args];
      return (await promisify(execFile)(process.execPath, script, { env })).stdout;
    };
    const counted = await retention("--dry-run");
    expect(counted).toContain(`${workspaceId}: would be removed\n`);
    expect(counted).toMatch(/sole_traders +│ 1 /);
    expect((await due(TODAY)).sole_traders).toBe(1);
    expect(await retention()).toMatch(/sole_traders +│ 1 /);
    expect((await due(TODAY)).sole_traders).toBe(0);
  });

  it("touches no other workspace", async () => {
    const other = job;
    const before = await allRows(db, other.workspaceId);
    await seed();
    await runRetention(db, workspaceId, AFTER_25_MONTHS);
    expect(await allRows(db, other.workspaceId)).toEqual(before);
  });
});
