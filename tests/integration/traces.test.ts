import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { numberPattern, pattern, type Traces } from "#src/domain/privacy/traces.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase({ migrate: false });
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

const PERSON: Traces = {
  emails: ["ion.popescu@ferma.ro"],
  phones: ["+40712345678", "+4915112345678"],
  cuis: [14399840],
  names: ["POPESCU ION PERSOANĂ FIZICĂ AUTORIZATĂ"],
};

const isFound = async (text: string): Promise<boolean> =>
  (await client.query<{ found: boolean }>("SELECT $1::text ~* $2 AS found", [text, pattern(PERSON)])).rows[0]
    ?.found === true;

describe("a person is found, however they are written", () => {
  it.each([
    "Ion.Popescu@FERMA.ro",
    '{"to": "<ion.popescu@ferma.ro>"}',
    "0712345678",
    "0712 345 678",
    "+40 (712) 345-678",
    "0040712.345.678",
    "tel:+40712345678",
    "+49 151 12345678",
    "RO14399840",
    '"cui": 14399840,',
    "Popescu  Ion, Persoana Fizica Autorizata",
    "POPESCU ION PERSOANÃ FIZICĂ".replace("Ã FIZICĂ", "ă fizică autorizată"),
    "popescu ion perşoană".replace("perşoană", "persoană fizică autorizată"),
  ])("%s", async (text) => expect(await isFound(text)).toBe(true));
});

describe("somebody else is not", () => {
  it.each([
    "marion.popescu@ferma.ro",
    "ion.popescu@ferma.rom",
    "ionXpopescu@ferma.ro",
    "107123456789",
    "0712345679",
    "114399840",
    "143998401",
    "Popescu Ion",
    "Popescu Ioan Persoană Fizică Autorizată",
    "",
  ])("%s", async (text) => expect(await isFound(text)).toBe(false));
});

it("what is cleaned stays JSON, and keeps the rest", async () => {
  const value = {
    cui: 14399840,
    list: [14399840, 1, "RO14399840"],
    text: 'call "0712 345 678" or ion.popescu@ferma.ro',
    name: "POPESCU ION PERSOANĂ FIZICĂ AUTORIZATĂ",
    other: { email: "ana@ferma.ro", turnover: 143998400 },
  };
  const { rows } = await client.query<{ cleaned: unknown }>(
    `SELECT regexp_replace(regexp_replace($1::jsonb::text, $2, '\\1null', 'g'), $3, '[erased]', 'gi')::jsonb AS cleaned`,
    [JSON.stringify(value), numberPattern(PERSON), pattern(PERSON)],
  );
  expect(rows[0]?.cleaned).toEqual({
    cui: null,
    list: [null, 1, "[erased]"],
    text: 'call "[erased]" or [erased]',
    name: "[erased]",
    other: { email: "ana@ferma.ro", turnover: 143998400 },
  });
});
