/** The simulated statement of a company for a year, with the oddities of the real ones. Everything is invented. */

import { simulateTaxpayer } from "../anaf/taxpayer.ts";
import { chance, isAmong } from "../chance.ts";
import { type SimulatedCompany, simulatedCompany } from "../company.ts";

export interface SimulatedStatement {
  an: number;
  cui: number;
  deni: string;
  caen: number;
  den_caen: string;
  i: { indicator: string; val_indicator: number | string; val_den_indicator: string }[];
}

/** @returns a statement without figures for those who never file */
export function simulateStatement(cui: number, financialYear: number): SimulatedStatement {
  const company = simulatedCompany(cui);
  const { denumire, cod_CAEN } = simulateTaxpayer(cui, `${financialYear}-12-31`).date_generale;
  const figures = company.isSoleTrader
    ? []
    : isAmong(cui, "association", 2)
      ? associationFigures(company)
      : companyFigures(company, financialYear);
  return {
    an: financialYear,
    cui,
    deni: String(denumire),
    caen: Number(cod_CAEN),
    den_caen: "Activitate (simulator)",
    // In no order that one could rely on.
    i: figures.toSorted((a, b) => chance(cui, a.indicator) - chance(cui, b.indicator)),
  };
}

/** The last financial year's figures are those that all simulators know; before it they were a little smaller. */
export function figuresOf({ cui, ...company }: SimulatedCompany, financialYear: number) {
  const yearsAgo = Math.max(0, new Date().getFullYear() - 1 - financialYear);
  const share = (1 - 0.15 * chance(cui, "growth")) ** yearsAgo;
  const amount = (lei: number) => Math.round(lei * share);
  return {
    turnoverRon: amount(company.turnoverRon),
    netResultRon: amount(company.netResultRon),
    debtsRon: amount(company.debtsRon),
    equityRon: amount(company.equityRon),
    employees: amount(company.employees),
  };
}

function companyFigures(company: SimulatedCompany, financialYear: number): SimulatedStatement["i"] {
  const { turnoverRon, netResultRon, debtsRon, equityRon, employees } = figuresOf(company, financialYear);
  const profit = Math.max(netResultRon, 0);
  const loss = Math.max(-netResultRon, 0);
  const odd = (purpose: string, pct: number) => isAmong(company.cui, purpose, pct);
  // Seen live: the net loss labelled as the gross one, and two spaces in its label.
  const netLoss = odd("mislabelled", 20)
    ? "Pierdere bruta"
    : odd("spaces", 30)
      ? "Pierdere  neta"
      : "Pierdere neta";
  const lines: [string, number, string][] = [
    ["I1", Math.round(equityRon * 0.7), "ACTIVE IMOBILIZATE - TOTAL "],
    ["I2", Math.round(equityRon * 0.3 + debtsRon), "ACTIVE CIRCULANTE - TOTAL, din care:"],
    [
      "I5",
      Math.round(turnoverRon * 0.05),
      odd("cedilla", 50) ? "Casa şi conturi la bănci" : "Casa si conturi la banci",
    ],
    ["I7", debtsRon, odd("space", 50) ? "DATORII " : "DATORII"],
    ["I10", equityRon, "CAPITALURI - TOTAL, din care:"],
    ["I13", turnoverRon, odd("capitals", 20) ? "CIFRA DE AFACERI NETĂ" : "Cifra de afaceri neta"],
    ["I14", Math.round(turnoverRon * 1.03), "VENITURI TOTALE"],
    ["I16", Math.round(profit * 1.12), "Profit brut"],
    ["I17", loss, "Pierdere bruta"],
    ["I18", profit, "Profit net"],
    ["I19", loss, netLoss],
    ["I20", employees, odd("diacritics", 30) ? "Număr mediu de salariaţi" : "Numar mediu de salariati"],
  ];
  const asText = odd("numbers as text", 10);
  return lines.map(([indicator, value, label]) => ({
    indicator,
    val_indicator: asText ? String(value) : value,
    val_den_indicator: label,
  }));
}

/** The layout of associations: the same codes, with other meanings. */
const associationFigures = ({ turnoverRon, employees }: SimulatedCompany): SimulatedStatement["i"] => [
  { indicator: "I13", val_indicator: 0, val_den_indicator: "Datorii - LA 31.12.2025" },
  {
    indicator: "I18",
    val_indicator: turnoverRon,
    val_den_indicator: "Venituri din activitatile fara scop patrimonial",
  },
  {
    indicator: "I20",
    val_indicator: employees,
    val_den_indicator: "Efectivul de personal privind activitatile economice",
  },
];
