import { describe, expect, it } from "vitest";
import { ONRC_HEADER, readHeader } from "./csv-header.ts";
import { caenCodes, type RowReading, readDate, readRegistryRow } from "./registry-row.ts";
import { hasControlCharacters } from "./text.ts";

const reading: RowReading = { columns: readHeader(ONRC_HEADER), columnCount: 20, counties: null, caen: null };
const good =
  "AGRO CÂMPIA SRL^14837428^J21/111/2009^12/03/2009^ROONRC.J21/111/2009^SRL^România^Ialomiţa^Slobozia^Str. Fermei^5^A1^2^3^4^920001^^camera 1^www.exemplu.ro^";
const read = (line: string, more: Partial<RowReading> = {}) =>
  readRegistryRow(line.split("^"), hasControlCharacters(line), { ...reading, ...more });
const withCell = (index: number, cell: string) => {
  const cells = good.split("^");
  cells[index] = cell;
  return cells.join("^");
};

describe("readRegistryRow", () => {
  it("reads a row of the register", () => {
    expect(read(good)).toEqual({
      ok: true,
      row: {
        cui: 14837428,
        name: "AGRO CÂMPIA SRL",
        registrationNumber: "J21/111/2009",
        euid: "ROONRC.J21/111/2009",
        legalForm: "SRL",
        isNaturalPerson: false,
        registeredOn: "2009-03-12",
        county: "Ialomița",
        locality: "Slobozia",
        address: "Str. Fermei, nr. 5, bl. A1, sc. 2, et. 3, ap. 4, camera 1",
        postalCode: "920001",
        website: "www.exemplu.ro",
        stateCode: null,
        caen: null,
        caenRevision: null,
      },
    });
  });

  it("takes a quote for an ordinary character", () => {
    expect(read(withCell(0, '"AGRO" SRL'))).toMatchObject({ ok: true, row: { name: '"AGRO" SRL' } });
  });

  it.each([
    ["a^b", "wrong_column_count", null],
    [`${good}^x`, "wrong_column_count", null],
    [withCell(1, ""), "missing_tax_id", "tax_id"],
    [withCell(1, "0"), "missing_tax_id", "tax_id"],
    [withCell(1, "14837429"), "invalid_check_digit", "tax_id"],
    [withCell(1, "14837428 14837428"), "personal_number", "tax_id"],
    [withCell(1, "x"), "invalid_tax_id", "tax_id"],
    [withCell(1, "1800101221144"), "personal_number", "tax_id"],
    [withCell(1, "CNP 1800101221144"), "personal_number", "tax_id"],
    [withCell(0, " \u200b "), "missing_name", "name"],
    [withCell(0, "A".repeat(501)), "too_long", "name"],
    [withCell(9, "A".repeat(1001)), "too_long", "street"],
    [withCell(6, "A".repeat(1001)), "too_long", null],
    [withCell(0, "AGRO\0SRL"), "control_characters", "name"],
    [withCell(8, "Slo\rbozia"), "control_characters", "locality"],
  ])("rejects a row that is not worth keeping (%#)", (line, reason, field) => {
    expect(read(line)).toEqual({ ok: false, reason, field });
  });

  it("takes one empty column too many, which some programs write", () => {
    expect(read(`${good}^`).ok).toBe(true);
  });

  it("keeps a row whose lesser columns are damaged, without them", () => {
    expect(read(withCell(3, "31/02/2009"))).toMatchObject({ ok: true, row: { registeredOn: null } });
    expect(read(withCell(2, "1800101221144"))).toMatchObject({ ok: true, row: { registrationNumber: null } });
  });

  it("masks personal numbers in every column", () => {
    for (const index of good.split("^").keys()) {
      if (index === 1) continue;
      for (const cnp of [
        "1800101221144",
        "CNP1800101221144",
        "1 800101 221144",
        "１８００１０１２２１１４４",
      ]) {
        expect(JSON.stringify(read(withCell(index, `II ${cnp}`)))).not.toMatch(/221144|２２１１４４/);
      }
    }
  });

  it("leaves out what is outside the filter, and says by which column", () => {
    expect(read(good, { counties: new Set(["ialomita"]) }).ok).toBe(true);
    expect(read(good, { counties: new Set(["cluj"]) })).toEqual({
      ok: false,
      reason: "outside_filter",
      field: "county",
    });
    const columns = readHeader(["cui", "caen"]);
    const csv = { columns, columnCount: 2, caen: ["01"] };
    expect(read("14837428^111", csv)).toMatchObject({ ok: true, row: { caen: ["0111"], name: "" } });
    expect(read("14837428^4621", csv)).toEqual({ ok: false, reason: "outside_filter", field: "caen" });
    expect(read("14837428^", csv)).toEqual({ ok: false, reason: "outside_filter", field: "caen" });
  });
});

describe("readDate", () => {
  it.each([
    ["12/03/2009", "2009-03-12"],
    ["1.2.2009", "2009-02-01"],
    ["2009-03-12", "2009-03-12"],
    ["12/03/2009 00:00:00", "2009-03-12"],
    ["29/02/2024", "2024-02-29"],
  ])("reads %s", (text, date) => expect(readDate(text)).toBe(date));
  it.each(["", "29/02/2023", "31/04/2009", "00/01/2009", "01/13/2009", "x", "12/03/09", "12/03/1700"])(
    "knows nothing of %j",
    (text) => expect(readDate(text)).toBeNull(),
  );
});

describe("caenCodes", () => {
  it.each([
    ["0111", ["0111"]],
    ["111", ["0111"]],
    ["0111; 0150, 0111", ["0111", "0150"]],
    ["CAEN 0111 cereale", ["0111"]],
  ])("reads %j", (text, codes) => expect(caenCodes(text)).toEqual(codes));
  it("knows nothing of text without a code", () => expect(caenCodes("cereale")).toBeNull());
});
