import { describe, expect, it } from "vitest";
import { columnsOf, type DatasetId, datasets, readNumber } from "./datasets.ts";

/** Reads one row as a file with this header would give it. */
function read(id: DatasetId, header: string, row: string) {
  const columns = columnsOf(datasets[id], header.split(","));
  if (!columns) throw new Error("no columns");
  const cells = row.split(",");
  return datasets[id].read((column) => cells[columns[column] ?? -1] ?? "");
}

describe("numbers", () => {
  it.each([
    ["1.234.567,89", 1_234_567.89],
    ["1,234,567.89", 1_234_567.89],
    ["1234567.89", 1_234_567.89],
    ["12,5", 12.5],
    ["1.234", 1_234],
    ["1 234", 1_234],
    ["-17", -17],
    ["", 0],
  ])("%s is read as %d", (text, number) => expect(readNumber(text)).toBe(number));

  it.each(["12a", "1..2", "ha"])("%s is none", (text) => expect(readNumber(text)).toBeNaN());
});

describe("financial statements", () => {
  const header = `CUI,CAEN,${Array.from({ length: 20 }, (_, index) => `I${index + 1}`).join(",")}`;
  const row = `14837428,111,${Array.from({ length: 20 }, (_, index) => (index + 1) * 10).join(",")}`;

  it("gives profit less loss, and the activity with its zero", () => {
    expect(read("financial-statements", header, row)).toMatchObject({
      ok: true,
      cui: 14_837_428,
      body: {
        ...{ turnoverRon: 130, netResultRon: 180 - 190, employees: 200, debtsRon: 70, equityRon: 100 },
        filedActivity: "0111",
      },
    });
  });

  it("refuses a wrong tax id and what is no number", () => {
    expect(read("financial-statements", header, row.replace("14837428", "12345678"))).toEqual({
      ok: false,
      reason: "invalid_tax_id",
    });
    expect(read("financial-statements", header, row.replace("130", "mult"))).toEqual({
      ok: false,
      reason: "invalid_number",
    });
  });
});

describe("farm payments", () => {
  const header = "Beneficiar,Localitate,Judet,Masura,Suma";

  it("are found by name and place", () => {
    expect(read("farm-payments", header, "AGRO CÂMPIA SRL,Ţăndărei,Ialomiţa,III/1,1234.50")).toMatchObject({
      ...{ ok: true, name: "AGRO CÂMPIA SRL", locality: "Țăndărei", county: "Ialomița" },
      body: { amountEuros: 1_234.5, measure: "III/1" },
    });
  });

  it("of private persons are not kept", () => {
    expect(read("farm-payments", header, "POPESCU ION,Ţăndărei,Ialomiţa,III/1,10")).toEqual({
      ok: false,
      reason: "natural_person",
    });
  });
});

describe("organisations of water users", () => {
  const header = "Denumire OUAI,CUI,Județ,Amenajare,Suprafata (ha)";

  it("may have a tax id", () => {
    expect(
      read("land-improvement", header, "OUAI LUNCA,14837428,Ialomița,Câmpia Covurlui,1.250"),
    ).toMatchObject({
      ...{ ok: true, cui: 14_837_428 },
      body: { organisation: "OUAI", irrigationSystem: "Câmpia Covurlui", surfaceHa: 1_250 },
    });
    expect(read("land-improvement", header, "FOUAI DUNĂREA,,Olt,,")).toMatchObject({
      ...{ ok: true, cui: null },
      body: { organisation: "FOUAI", surfaceHa: null },
    });
  });

  it("cannot be read from a file without their names", () => {
    expect(columnsOf(datasets["land-improvement"], ["Judet", "CUI"])).toBeNull();
  });
});
