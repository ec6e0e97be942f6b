import { describe, expect, it } from "vitest";
import { readAnswer } from "./schemas.ts";

const CUI = 90_000_014;
const read = (body: unknown) => {
  const answer = readAnswer(body, CUI);
  return answer.status === "found" ? answer.company : null;
};

describe("an answer of termene.ro", () => {
  it("may hold company data only, as the account's schema has it", () => {
    const body = {
      firma: { nume_recom: "AGRO EXEMPLU SRL", nume_mfinante: "AGRO EXEMPLU S.R.L." },
      adresa: { sediu_social: { judet: "Ialomiţa", localitate: "Exemplu" }, anaf: {} },
      cod_caen: { principal_recom: { cod: "0111", label: "Cultivarea cerealelor" } },
    };
    expect(readAnswer(body, CUI)).toEqual({
      status: "found",
      company: {
        name: "AGRO EXEMPLU SRL",
        county: "Ialomița",
        locality: "Exemplu",
        caen: "0111",
        statement: null,
        mark: null,
        insolvencyRisk: null,
        hasTaxDebts: null,
        taxDebtsRon: null,
        courtCases: null,
        insolvencyNotices: null,
      },
    });
  });

  it("has figures bare or with their trend", () => {
    const body = {
      bilanturi_mfinante_scurte: {
        ultimul_raportat: {
          an: 2025,
          cifra_de_afaceri_neta: { valoare: 9_400_000, tendinta: { valoare: 3 } },
          profit_pierdere_neta: "-820000",
          numar_mediu_angajati: { valoare: null },
        },
      },
    };
    expect(read(body)?.statement).toEqual({
      financialYear: 2025,
      turnoverRon: 9_400_000,
      netResultRon: -820_000,
      employees: null,
      debtsRon: null,
    });
  });

  it("keeps what is certain where a block that we only assume looks otherwise", () => {
    const body = {
      firma: { cui: String(CUI), nume_recom: "AGRO EXEMPLU SRL" },
      evaluare_termene: { nota: "A+" },
      risc_insolventa_termene: "mediu",
      datorii_anaf: { curent: { activa: "da", total: [] } },
      nr_dosare_juridice: { total: 4 },
      nr_mentiuni_BPI: -1,
    };
    expect(read(body)).toMatchObject({
      name: "AGRO EXEMPLU SRL",
      mark: null,
      insolvencyRisk: null,
      hasTaxDebts: null,
      courtCases: null,
      insolvencyNotices: null,
    });
  });

  it("without anything in it knows nothing of the company", () => {
    expect(readAnswer({}, CUI)).toEqual({ status: "not_found" });
    expect(readAnswer({ errors: { message: "CUI negăsit" } }, CUI)).toEqual({ status: "not_found" });
  });

  it.each([
    [{ errors: { message: "Cheie invalida" } }, "refused"],
    [{ firma: { cui: 7 } }, "unreadable"],
    [{ bilanturi_mfinante_scurte: { ultimul_raportat: { an: "anul trecut" } } }, "unreadable"],
    ["text", "unreadable"],
    [null, "unreadable"],
  ])("%j is %s", (body, status) => {
    expect(readAnswer(body, CUI)).toEqual({ status });
  });
});
