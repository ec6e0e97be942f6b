import { sql } from "drizzle-orm";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDb, type Db, inWorkspace, type Tx } from "#db/client.ts";
import {
  asksOfField,
  fieldsWithAsks,
  outcomesAround,
  recordOutcomes,
  type SourceOutcome,
} from "#db/queries/source-outcomes.ts";
import { indexOutcomes, planWaterfall, rollUp } from "#src/domain/enrichment/waterfall.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { seedImportedJob, seedWorkspace } from "#tests/support/seed.ts";

let database: TestDatabase;
let db: Db;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb(database.url);
});
afterAll(async () => {
  await db.$client.end();
  await database.drop();
});

const SRL = { legalForm: "SRL", caenDivision: "01", county: "Ialomița" };
const IASI = { ...SRL, county: "Iași" };

/** A workspace with prospects whose value of "legal-data" two sources know. */
async function start({ prospects = 4 } = {}) {
  const workspaceId = await seedWorkspace(database.url);
  const { jobId } = await seedImportedJob(db, prospects, { workspaceId });
  const inside = <T>(work: (tx: Tx) => Promise<T>) => inWorkspace(db, workspaceId, work);
  const { rows } = await inside((tx) =>
    tx.execute<{ id: string }>(sql`SELECT id FROM prospects ORDER BY cui`),
  );
  const ids = rows.map(({ id }) => id);
  const outcome = (prospect: number, source: string, found: boolean, rest: Partial<SourceOutcome> = {}) => ({
    prospectId: ids[prospect] ?? "",
    source,
    place: source === "termene" ? 1 : 2,
    found,
    costMicros: source === "termene" ? 100 : 30,
    ...SRL,
    ...rest,
  });
  const key = { workspaceId, jobId, field: "legal-data" };
  return {
    inside,
    outcome,
    record: (outcomes: SourceOutcome[], job = jobId) =>
      inside((tx) => recordOutcomes(tx, { ...key, jobId: job }, outcomes)),
    sums: (segments = [SRL, IASI]) => inside((tx) => outcomesAround(tx, "legal-data", segments)),
  };
}

describe("outcomes of sources", () => {
  it("are summed up by segment, and by the wider segments around it", async () => {
    const { record, outcome, sums } = await start();
    await record([
      outcome(0, "termene", false),
      outcome(0, "listafirme", true),
      outcome(1, "termene", true),
      outcome(2, "termene", true, IASI),
    ]);
    const all = await sums();
    expect(all).toContainEqual({ source: "termene", ...SRL, asked: 2, found: 1, costMicros: 200 });
    expect(all).toContainEqual({ source: "termene", ...IASI, asked: 1, found: 1, costMicros: 100 });
    const everywhere = { legalForm: null, caenDivision: null, county: null };
    expect(all).toContainEqual({ source: "termene", ...everywhere, asked: 3, found: 2, costMicros: 300 });
    expect(all).toContainEqual({ source: "listafirme", ...everywhere, asked: 1, found: 1, costMicros: 30 });
    const narrow = await sums([IASI]);
    expect(narrow.map(({ county }) => county).filter((county) => county !== null)).toEqual(["Iași"]);
  });

  it("come back at the same levels as the domain adds them up to", async () => {
    const { record, outcome, sums, inside } = await start();
    await record([
      outcome(0, "termene", false),
      outcome(0, "listafirme", true),
      outcome(1, "termene", true, { caenDivision: "03", county: "" }),
      outcome(2, "termene", true, { legalForm: "", caenDivision: "", county: "" }),
    ]);
    const { rows } = await inside((tx) =>
      tx.execute<Parameters<typeof rollUp>[0][number] & Record<string, unknown>>(sql`
        SELECT source, legal_form AS "legalForm", caen_division AS "caenDivision", county, asked, found,
               cost_micros AS "costMicros" FROM source_outcomes`),
    );
    const wanted = rows.map(({ legalForm, caenDivision, county }) => ({ legalForm, caenDivision, county }));
    const sorted = (list: object[]) => list.map((each) => JSON.stringify(each)).sort();
    expect(sorted(await sums(wanted))).toEqual(sorted(rollUp(rows)));
  });

  it("count once, however often the same job tells them, and again for a later job", async () => {
    const { record, outcome, sums } = await start();
    const twice = [outcome(0, "termene", false), outcome(0, "listafirme", true)];
    await record(twice);
    await record([...twice, outcome(1, "termene", true)]);
    const own = async () =>
      (await sums([SRL])).find(({ source, county }) => source === "termene" && county !== null);
    expect(await own()).toMatchObject({ asked: 2, found: 1 });
    await record([outcome(0, "termene", true)], uuidv7());
    expect(await own()).toMatchObject({ asked: 3, found: 2, costMicros: 300 });
  });

  it("are added up correctly by chunks that end at the same time", async () => {
    const { record, outcome, sums } = await start({ prospects: 60 });
    await Promise.all(
      Array.from({ length: 20 }, (_, chunk) =>
        record(
          [0, 1, 2].flatMap((each) => {
            const where = (chunk + each) % 2 === 0 ? SRL : IASI;
            return [
              outcome(chunk * 3 + each, "listafirme", true, where),
              outcome(chunk * 3 + each, "termene", false, where),
            ];
          }),
        ),
      ),
    );
    const total = (await sums()).filter(({ legalForm }) => legalForm === null);
    expect(total.map(({ source, asked, found }) => [source, asked, found]).sort()).toEqual([
      ["listafirme", 60, 60],
      ["termene", 60, 0],
    ]);
  });

  it("put the source first that finds at the least cost", async () => {
    const { record, outcome, sums } = await start({ prospects: 40 });
    const outcomes = Array.from({ length: 40 }, (_, index) => [
      outcome(index, "termene", index < 2),
      outcome(index, "listafirme", true),
    ]);
    await record(outcomes.flat());
    const sources = [
      { source: "termene", priceMicros: 100 },
      { source: "listafirme", priceMicros: 100 },
    ];
    const order = planWaterfall(sources, indexOutcomes(await sums([SRL])), SRL);
    expect(order.map(({ source }) => source)).toEqual(["listafirme", "termene"]);
  });

  it("tell for a replay which prospects went the same way", async () => {
    const { record, outcome, inside } = await start();
    await record([
      outcome(0, "listafirme", true),
      outcome(0, "termene", false),
      outcome(1, "termene", false),
      outcome(1, "listafirme", true),
      outcome(2, "termene", true),
    ]);
    const ways = await inside((tx) => asksOfField(tx, "legal-data"));
    const [hit, miss] = [true, false];
    expect(
      ways.map(({ prospects, asks }) => [prospects, asks.map(({ source, found }) => [source, found])]),
    ).toEqual(
      expect.arrayContaining([
        [
          2,
          [
            ["termene", miss],
            ["listafirme", hit],
          ],
        ],
        [1, [["termene", hit]]],
      ]),
    );
    expect(ways[0]).toMatchObject({ legalForm: "SRL", county: "Ialomița", caenCode: null });
    expect(await inside(fieldsWithAsks)).toEqual(["legal-data"]);
  });

  it("belong to their workspace", async () => {
    const [one, other] = [await start(), await start()];
    await one.record([one.outcome(0, "termene", true)]);
    expect(await other.sums()).toEqual([]);
    expect(await other.inside((tx) => asksOfField(tx, "legal-data"))).toEqual([]);
  });
});
