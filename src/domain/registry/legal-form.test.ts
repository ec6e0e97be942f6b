import { describe, expect, it } from "vitest";
import { isNaturalPerson } from "./legal-form.ts";

const company = (parts: Partial<Parameters<typeof isNaturalPerson>[0]>) =>
  isNaturalPerson({ name: "AGRO CÂMPIA", legalForm: null, registrationNumber: null, ...parts });

describe("isNaturalPerson", () => {
  it.each([
    "PFA",
    "P.F.A.",
    "II",
    "I.I.",
    "IF",
    "ÎNTREPRINDERE INDIVIDUALĂ",
    "Intreprindere Familiala",
    "PERSOANĂ FIZICĂ AUTORIZATĂ",
  ])("is one by legal form %s", (legalForm) => expect(company({ legalForm })).toBe(true));
  it.each(["SRL", "S.R.L.", "SA", "SNC", "SOCIETATE CU RĂSPUNDERE LIMITATĂ"])(
    "is none by legal form %s",
    (legalForm) => expect(company({ legalForm })).toBe(false),
  );
  it("is one by an F number, whatever else is said", () => {
    expect(company({ registrationNumber: "F21/12/2015", legalForm: null })).toBe(true);
    expect(company({ registrationNumber: "F2015000012210" })).toBe(true);
  });
  it.each([
    "POPESCU ION PFA",
    "Popescu Ion Persoană Fizică Autorizată",
    "POPESCU ION P.F.A.",
    "POPESCU ION - II",
    "I.I. POPESCU ION",
    "ÎNTREPRINDERE FAMILIALĂ POPESCU",
  ])("is one by name where no form is given: %s", (name) => expect(company({ name })).toBe(true));
  it.each(["AGRO CARMEN SRL", "FERMA II SUD", "PFALZ AGRO"])("is none by name: %s", (name) =>
    expect(company({ name })).toBe(false),
  );
  it("takes a number in a company's name for no form", () => {
    expect(company({ name: "AGRO CARMEN II", legalForm: "SRL" })).toBe(false);
    expect(company({ name: "AGRO CARMEN II", registrationNumber: "J21/12/2015" })).toBe(false);
  });
});
