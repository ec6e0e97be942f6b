import { describe, expect, it } from "vitest";
import type { TermeneCompany } from "#src/providers/termene/schemas.ts";
import { fromListafirme, fromOpenapiRo, fromTermene, LegalData } from "./legal-facts.ts";

const statement = {
  financialYear: 2025,
  turnoverRon: 9_400_000,
  netResultRon: -820_000,
  employees: 14,
  debtsRon: 1_200_000,
};

const termene = (facts: Partial<TermeneCompany>) =>
  fromTermene({
    name: "AGRO EXEMPLU SRL",
    county: null,
    locality: null,
    caen: "0111",
    statement: null,
    mark: null,
    insolvencyRisk: null,
    hasTaxDebts: null,
    taxDebtsRon: null,
    courtCases: null,
    insolvencyNotices: null,
    ...facts,
  });

describe("legal facts of termene.ro", () => {
  it("are its figures, and its mark as a risk", () => {
    const data = termene({
      statement,
      mark: 7.3,
      courtCases: 2,
      insolvencyNotices: 0,
      insolvencyRisk: "Mediu",
    });
    expect(data).toMatchObject({
      ...statement,
      riskScore: 27,
      courtCases: 2,
      insolvencyStatus: "none",
      insolvencyRisk: "Mediu",
    });
    expect(LegalData.parse(data)).toEqual(data);
  });

  it("name who is in the Insolvency Bulletin", () => {
    expect(termene({ insolvencyNotices: 3 })?.insolvencyStatus).toBe("in_bulletin");
  });

  it.each([
    [false, null, 0],
    [false, 0, 0],
    [true, null, null],
    [true, 250_000, 250_000],
    [null, null, null],
  ])("with debts %s of %s are debts of %s", (hasTaxDebts, taxDebtsRon, read) => {
    expect(termene({ hasTaxDebts, taxDebtsRon, courtCases: 0 })?.taxDebtsRon).toBe(read);
  });

  it("are none where its answer has company data only", () => {
    expect(termene({})).toBeNull();
  });
});

describe("legal facts of listafirme.ro", () => {
  it.each([
    ["functiune", "none", false],
    ["În funcțiune", "none", false],
    ["insolventa", "insolvent", false],
    ["Faliment", "insolvent", false],
    ["radiată", null, true],
    ["dizolvare", null, null],
    [null, null, null],
  ])("with the status %s say %s, struck off: %s", (status, insolvencyStatus, deregistered) => {
    expect(fromListafirme({ status, statement })).toMatchObject({
      ...statement,
      insolvencyStatus,
      deregistered,
    });
  });

  it("are none where it says nothing that we know", () => {
    expect(fromListafirme({ status: "suspendare", statement: null })).toBeNull();
  });
});

describe("legal facts of openapi.ro", () => {
  it("are its state only", () => {
    const company = {
      name: "X",
      county: null,
      registrationState: "RADIERE din data 03.04.2019",
      deregistered: true,
    };
    expect(fromOpenapiRo(company)).toMatchObject({
      registrationState: "RADIERE din data 03.04.2019",
      deregistered: true,
      insolvencyStatus: null,
    });
    expect(fromOpenapiRo({ ...company, registrationState: null, deregistered: null })).toBeNull();
  });
});
