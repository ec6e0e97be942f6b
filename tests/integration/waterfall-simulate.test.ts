import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDb, type Db, inWorkspace } from "#db/client.ts";
import { recordOutcomes } from "#db/queries/source-outcomes.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { seedImportedJob } from "#tests/support/seed.ts";

const PROGRAM = join(import.meta.dirname, "../../infra/waterfall/simulate.ts");

let database: TestDatabase;
let db: Db;
let folder: string;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb(database.url);
  folder = mkdtempSync(join(tmpdir(), "waterfall-"));
  const { workspaceId, jobId } = await seedImportedJob(db, 100);
  await inWorkspace(db, workspaceId, async (tx) => {
    const { rows } = await tx.execute<{ id: string }>(sql`SELECT id FROM prospects ORDER BY cui`);
    const segment = { legalForm: "SRL", caenDivision: "", county: "Ialomița" };
    // "termene.ro" finds 10 of 100; "listafirme.ro" 80 of the other 90, at a fifth of the price.
    const outcomes = rows.flatMap(({ id }, index) => [
      { prospectId: id, source: "termene.ro", place: 1, found: index < 10, costMicros: 50_000, ...segment },
      ...(index < 10
        ? []
        : [
            {
              prospectId: id,
              source: "listafirme.ro",
              place: 2,
              found: index < 90,
              costMicros: 10_000,
              ...segment,
            },
          ]),
    ]);
    await recordOutcomes(tx, { workspaceId, jobId, field: "legal-data" }, outcomes);
  });
});
afterAll(async () => {
  await db.$client.end();
  await database.drop();
  rmSync(folder, { recursive: true });
});

/** As `npm run waterfall:simulate` runs it. */
const simulate = (args: string[], databaseUrl = database.url) =>
  promisify(execFile)(process.execPath, [PROGRAM, ...args], {
    env: { PATH: process.env.PATH, DATABASE_URL: databaseUrl },
  }).then(
    ({ stdout }) => ({ code: 0, stdout, stderr: "" }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );

describe("npm run waterfall:simulate", () => {
  it("prints what each order costs and finds, and writes it as JSON", async () => {
    const json = join(folder, "result.json");
    const { code, stdout, stderr } = await simulate([
      ...["--field", "legal-data", "--order", "listafirme.ro", "--segment", "county", "--json", json],
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/as it was .* 100 .* 90 .* 90 .* € 5\.90 .* € 0\.0656/);
    expect(stdout).toMatch(/termene\.ro > listafirme\.ro/);
    expect(stdout).toMatch(/Ialomița .*listafirme\.ro > termene\.ro/);
    const result = JSON.parse(readFileSync(json, "utf8"));
    expect(result).toMatchObject({
      field: "legal-data",
      prospects: 100,
      sources: ["termene.ro", "listafirme.ro"],
    });
    const [was, learned, given] = result.orders;
    expect(was).toMatchObject({
      kind: "as it was",
      found: { known: 90, estimated: 0 },
      costMicros: { known: 5_900_000, estimated: 0 },
    });
    expect(learned.costPerHitMicros).toBeLessThan(was.costPerHitMicros / 2);
    expect(given).toMatchObject({ kind: "given", order: ["listafirme.ro"], found: { known: 80 } });
    expect(given.found.estimated).toBeGreaterThan(7);
  });

  it("says what is wrong in one sentence", async () => {
    const sentences = await Promise.all([
      simulate(["--field", "email-discovery"]),
      simulate(["--field", "legal-data", "--order", "openapi.ro"]),
      simulate(["--field", "legal-data"], "postgres://nobody@127.0.0.1:1/none"),
    ]);
    expect(sentences.map(({ code, stderr }) => [code, stderr.trim()])).toEqual([
      [
        2,
        'No outcomes are recorded for the field "email-discovery" in this workspace. There are outcomes of legal-data.',
      ],
      [2, '--order: nothing is known of "openapi.ro". Sources of legal-data: termene.ro, listafirme.ro.'],
      [1, "DATABASE_URL: the database cannot be reached (ECONNREFUSED)."],
    ]);
  });
});
