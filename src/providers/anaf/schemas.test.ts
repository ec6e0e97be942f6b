import { describe, expect, it } from "vitest";
import { type AnafCompany, readAnswer } from "./schemas.ts";

/** The example of the facts file (romanian-registries.md, section 1); invented. */
const example = () => ({
  date_generale: {
    data: "2026-11-22",
    cui: 90000014 as unknown,
    denumire: "AGRO EXEMPLU S.R.L." as unknown,
    adresa: "JUD. IALOMIŢA, SAT EXEMPLU COM. EXEMPLU, STR. FERMEI, NR.5",
    telefon: "0243000000",
    fax: "",
    codPostal: "927000",
    act: "",
    stare_inregistrare: "INREGISTRAT din data 12.03.2009",
    data_inreg_Reg_RO_e_Factura: "",
    organFiscalCompetent: "Administraţia Judeţeană a Finanţelor Publice Ialomiţa",
    forma_de_proprietate: "PROPR.PRIVATA-CAPITAL PRIVAT AUTOHTON",
    forma_organizare: "PERSOANA JURIDICA",
    forma_juridica: "SOCIETATE COMERCIALĂ CU RĂSPUNDERE LIMITATĂ",
    statusRO_e_Factura: false,
    data_inregistrare: "2009-03-12",
    nrRegCom: "J2009000111219",
    cod_CAEN: "111" as unknown,
    iban: "RO49AAAA1B31007593840000",
  },
  inregistrare_scop_Tva: {
    scpTVA: true as unknown,
    perioade_TVA: [
      {
        data_inceput_ScpTVA: "2010-01-01",
        data_sfarsit_ScpTVA: "",
        data_anul_imp_ScpTVA: "",
        mesaj_ScpTVA: "",
      },
    ] as unknown,
  } as unknown,
  inregistrare_RTVAI: {
    dataInceputTvaInc: "",
    dataSfarsitTvaInc: "",
    dataActualizareTvaInc: "",
    dataPublicareTvaInc: "",
    tipActTvaInc: "",
    statusTvaIncasare: false,
  },
  stare_inactiv: {
    dataInactivare: "",
    dataReactivare: "",
    dataPublicare: "",
    dataRadiere: "",
    statusInactivi: false,
  },
  inregistrare_SplitTVA: { dataInceputSplitTVA: "", dataAnulareSplitTVA: "", statusSplitTVA: false },
  adresa_sediu_social: {
    sdenumire_Strada: "Str. Fermei",
    snumar_Strada: "5",
    sdenumire_Localitate: "Sat Exemplu Com. Exemplu",
    scod_Localitate: "170",
    sdenumire_Judet: "IALOMIŢA",
    scod_Judet: "21",
    scod_JudetAuto: "IL",
    stara: "",
    sdetalii_Adresa: "",
    scod_Postal: "927000",
  },
  adresa_domiciliu_fiscal: null as unknown,
});

type Example = ReturnType<typeof example>;

function read(change: (record: Example) => void = () => {}): AnafCompany {
  const record = example();
  change(record);
  const entry = readAnswer({ found: [record], notFound: [] })?.found.get(90000014);
  if (!entry || !("company" in entry)) throw new Error(JSON.stringify(entry));
  return entry.company;
}

describe("a record", () => {
  it("is told in our words, clean, with null for nothing", () => {
    expect(read()).toEqual({
      cui: 90000014,
      asOf: "2026-11-22",
      name: "AGRO EXEMPLU S.R.L.",
      address: "JUD. IALOMIȚA, SAT EXEMPLU COM. EXEMPLU, STR. FERMEI, NR.5",
      phone: "0243000000",
      fax: null,
      postalCode: "927000",
      authorisation: null,
      registrationState: "INREGISTRAT din data 12.03.2009",
      registrationStateOn: "2009-03-12",
      registeredOn: "2009-03-12",
      deregistered: false,
      deregisteredOn: null,
      taxOffice: "Administrația Județeană a Finanțelor Publice Ialomița",
      ownership: "PROPR.PRIVATA-CAPITAL PRIVAT AUTOHTON",
      organisation: "PERSOANA JURIDICA",
      legalForm: "SOCIETATE COMERCIALĂ CU RĂSPUNDERE LIMITATĂ",
      registrationNumber: "J2009000111219",
      registrationNumberKind: "new",
      isNaturalPerson: false,
      caen: "0111",
      eInvoice: false,
      eInvoiceSince: null,
      vat: {
        registered: true,
        periods: [{ from: "2010-01-01", to: null, cancelledOn: null, message: null }],
      },
      cashVat: { active: false, from: null, to: null, updatedOn: null, publishedOn: null, act: null },
      inactive: { inactive: false, from: null, reactivatedOn: null, publishedOn: null },
      splitVat: { active: false, from: null, to: null },
      registeredOffice: {
        street: "Str. Fermei",
        number: "5",
        locality: "Sat Exemplu Com. Exemplu",
        localityCode: "170",
        county: "IALOMIȚA",
        countyCode: "21",
        countyPlate: "IL",
        country: null,
        details: null,
        postalCode: "927000",
      },
      fiscalResidence: null,
    });
  });

  it("may spell its numbers as text, lack parts, or have more of them", () => {
    const company = read((record) => {
      record.date_generale.cui = " 90000014 ";
      record.date_generale.denumire = " ";
      record.date_generale.cod_CAEN = 111;
      record.inregistrare_scop_Tva = { scpTVA: null };
      Object.assign(record, { parte_noua: { x: 1 }, stare_inactiv: "", inregistrare_SplitTVA: undefined });
    });
    expect(company).toMatchObject({ name: null, caen: "0111", vat: { registered: null, periods: [] } });
    expect(company.splitVat).toEqual({ active: null, from: null, to: null });
  });

  it.each([
    ["10011", "010011"],
    [" ", null],
    ["Bucuresti", "Bucuresti"],
  ])("has its postal code %j padded to %j", (given, expected) => {
    expect(read((record) => Object.assign(record.date_generale, { codPostal: given })).postalCode).toBe(
      expected,
    );
  });

  it("is struck off by the words of its state", () => {
    const company = read((record) => {
      record.date_generale.stare_inregistrare = "RADIERE din data 03.04.2019";
    });
    expect(company).toMatchObject({ deregistered: true, deregisteredOn: "2019-04-03" });
  });

  it("is struck off by a day of striking off", () => {
    const company = read((record) => {
      record.stare_inactiv.dataRadiere = "2020-05-06";
    });
    expect(company).toMatchObject({ deregistered: true, deregisteredOn: "2020-05-06" });
  });

  it.each([
    ["J21/111/2009", "old", false],
    ["F21/7/2015", "old", true],
    ["J2009000111219", "new", false],
    ["F2019000111219", "new", true],
    ["", null, null],
  ])("with the number %j is %j, of a natural person: %j", (given, kind, person) => {
    const company = read((record) => {
      record.date_generale.nrRegCom = given;
    });
    expect(company).toMatchObject({ registrationNumberKind: kind, isNaturalPerson: person });
  });

  it("keeps no personal number, wherever it stands", () => {
    const company = read((record) => {
      record.date_generale.adresa = "STR. FERMEI NR.5, CNP 1800101210016";
      record.date_generale.denumire = "POPESCU ION 1800101210016";
      record.adresa_sediu_social.sdetalii_Adresa = "cnp1800101210016";
    });
    expect(JSON.stringify(company)).not.toContain("1800101210016");
    expect(company.address).toBe("STR. FERMEI NR.5, CNP [CNP]");
  });

  it("holds no characters that Postgres refuses", () => {
    const company = read((record) => {
      record.date_generale.denumire = "AGRO\u0000 \ud800 SRL";
    });
    expect(company.name).toBe("AGRO \ufffd SRL");
  });

  it("has no day where the calendar has none", () => {
    expect(
      read((record) => Object.assign(record.date_generale, { data_inregistrare: "2009-02-30" })).registeredOn,
    ).toBeNull();
  });
});

describe("an answer", () => {
  it("is not spoilt by one odd record", () => {
    const good = example();
    const odd = example();
    odd.date_generale.cui = 90000022;
    odd.inregistrare_scop_Tva = { scpTVA: "poate" };
    const answer = readAnswer({
      found: [odd, good, null, { date_generale: {} }],
      notFound: [90000030, "90000049", {}],
    });
    expect(answer?.found.get(90000014)).toHaveProperty("company");
    expect(answer?.found.get(90000022)).toEqual({ malformed: ["inregistrare_scop_Tva.scpTVA"] });
    expect([...(answer?.notFound ?? [])]).toEqual([90000030, 90000049]);
    expect(answer?.unattributed).toBe(3);
  });

  it.each([[null], ["SUCCESS"], [[]], [{}], [{ cod: 500 }], [{ found: "x" }]])("%j is none", (body) => {
    expect(readAnswer(body)).toBeNull();
  });

  it.each([[{ cod: 200, found: [], notFound: [90000014] }], [{ notFound: [90000014] }]])(
    "%j is one",
    (body) => {
      expect(readAnswer(body)?.notFound.has(90000014)).toBe(true);
    },
  );
});
