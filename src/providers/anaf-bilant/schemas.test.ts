import { describe, expect, it } from "vitest";
import { readStatement } from "./schemas.ts";

const line = (indicator: unknown, value: unknown, label: unknown) => ({
  indicator,
  val_indicator: value,
  val_den_indicator: label,
});

const statement = (i: unknown) =>
  readStatement({ an: 2025, cui: 90_000_014, deni: "AGRO EXEMPLU S.R.L.", caen: 111, den_caen: "…", i });

const read = (i: unknown) => {
  const result = statement(i);
  return result === "unreadable" ? null : result;
};

describe("a financial statement", () => {
  it("is read by labels", () => {
    const i = [
      line("I20", "14", "Număr  mediu de salariaţi "),
      line("I10", 3_100_000, "CAPITALURI - TOTAL, din care:"),
      line("I18", 820_000, "Profit net"),
      line("I19", 0, "Pierdere  neta"),
      line("I13", 9_400_000, "CIFRA DE AFACERI NETĂ"),
      line("I7", 1_200_000, "DATORII "),
    ];
    expect(statement(i)).toEqual({
      cui: 90_000_014,
      financialYear: 2025,
      caen: "0111",
      turnoverRon: 9_400_000,
      netResultRon: 820_000,
      employees: 14,
      debtsRon: 1_200_000,
      equityRon: 3_100_000,
    });
  });

  it("has a negative result where there is a loss, also under the label of the gross one", () => {
    expect(read([line("I19", 500, "Pierdere neta")])?.netResultRon).toBe(-500);
    const mislabelled = [line("I17", 900, "Pierdere bruta"), line("I19", 500, "Pierdere bruta")];
    expect(read(mislabelled)?.netResultRon).toBe(-500);
    expect(read([line("I17", 900, "Pierdere bruta")])?.netResultRon).toBeNull();
  });

  it("of another layout has no figures of ours, whatever its codes are", () => {
    const i = [line("I13", 7, "Datorii - LA 31.12.2025"), line("I20", 3, "Efectivul de personal")];
    expect(statement(i)).toMatchObject({ turnoverRon: null, employees: null, debtsRon: 7 });
  });

  it("survives odd lines", () => {
    const i = [
      null,
      "x",
      line("I13", "many", "Cifra de afaceri neta"),
      line("I20", 2, "Numar mediu de salariati"),
    ];
    expect(statement(i)).toMatchObject({ turnoverRon: null, employees: 2 });
  });

  it.each([[[]], [null], [undefined], [[{}]]])("with %j as its figures was not filed", (i) => {
    expect(statement(i)).toBeNull();
  });

  it.each([["text"], [7], [{}], [{ an: "x", cui: 1, i: [] }], [{ an: 2025, cui: 1, i: {} }]])(
    "%j is none",
    (body) => {
      expect(readStatement(body)).toBe("unreadable");
    },
  );
});
