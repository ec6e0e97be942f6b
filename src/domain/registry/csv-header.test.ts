import { describe, expect, it } from "vitest";
import { ONRC_HEADER, readHeader, registryFields } from "./csv-header.ts";

describe("readHeader", () => {
  it("reads the register's own header", () => {
    const columns = readHeader(ONRC_HEADER);
    expect(columns).toMatchObject({
      name: 0,
      taxId: 1,
      registrationNumber: 2,
      registeredOn: 3,
      euid: 4,
      legalForm: 5,
    });
    expect(columns).toMatchObject({
      county: 7,
      locality: 8,
      street: 9,
      postalCode: 15,
      website: 18,
      caen: -1,
      address: -1,
    });
  });

  it.each([
    "CUI",
    "cif",
    "Cod Fiscal",
    "COD_UNIC_DE_ÎNREGISTRARE",
    "Tax ID",
    "VAT number",
    "Cod de identificare fiscală",
    "cod fiscal:",
  ])("knows %j for a tax id", (name) => expect(readHeader(["x", name]).taxId).toBe(1));

  it("knows the other columns in any order, case and diacritics", () => {
    const columns = readHeader([
      "Judeţ",
      "DENUMIRE FIRMĂ",
      "Localitate",
      "cui",
      "Adresa",
      "Cod CAEN",
      "Nr. Reg. Com.",
    ]);
    expect(columns).toMatchObject({
      county: 0,
      name: 1,
      locality: 2,
      taxId: 3,
      address: 4,
      caen: 5,
      registrationNumber: 6,
    });
  });

  it("takes the surest name where several could be meant", () => {
    expect(readHeader(["VAT", "CUI"]).taxId).toBe(1);
    expect(readHeader(["nume", "Denumire"]).name).toBe(1);
  });

  it("answers -1 for what a file does not have", () => {
    expect(Object.values(readHeader(["a", "b"]))).toEqual(registryFields.map(() => -1));
  });
});
