/**
 * What ANAF's service of financial statements answers, and what we make of it. Sources as in client.ts.
 *
 * Figures are found by their labels: the code I13 is the turnover of companies, and something else in the layouts of
 * banks, insurers and associations.
 */
import { z } from "zod";
import { foldText } from "#src/domain/registry/text.ts";
import { number, padded, taxId, text } from "../lenient.ts";

/** One company's statement of one financial year. Amounts in lei; null: not in this layout. */
export interface FinancialStatement {
  cui: number;
  financialYear: number;
  /** CAEN code that it was filed under, four digits; the service does not say of which revision. */
  caen: string | null;
  turnoverRon: number | null;
  /** Profit, or loss as a negative number. */
  netResultRon: number | null;
  /** Average over the year. */
  employees: number | null;
  debtsRon: number | null;
  equityRon: number | null;
}

const envelope = z.looseObject({
  an: number.pipe(z.int()),
  cui: taxId,
  caen: padded(4),
  i: z.array(z.unknown()).max(1_000).nullish(),
});

const indicator = z.looseObject({ indicator: text, val_indicator: number, val_den_indicator: text });

type Indicators = readonly { code: string; label: string; value: number }[];

/** @returns null when nothing was filed; "unreadable" when this is no answer of the service */
export function readStatement(body: unknown): FinancialStatement | null | "unreadable" {
  if (body === null) return null;
  const parsed = envelope.safeParse(body);
  if (!parsed.success) return "unreadable";
  const { an, cui, caen, i } = parsed.data;
  const indicators = readIndicators(i ?? []);
  if (indicators.length === 0) return null;
  return {
    cui,
    financialYear: an,
    caen,
    turnoverRon: figureOf(indicators, "cifra de afaceri neta"),
    netResultRon: netResultOf(indicators),
    employees: figureOf(indicators, "numar mediu de salariati", "numarul mediu de salariati"),
    debtsRon: figureOf(indicators, "datorii", "datorii total"),
    equityRon: figureOf(indicators, "capitaluri total din care", "capitaluri total"),
  };
}

/** One odd line does not sink the statement. */
function readIndicators(raw: readonly unknown[]): Indicators {
  return raw.flatMap((line) => {
    const { data } = indicator.safeParse(line);
    if (!data || data.val_indicator === null || data.val_den_indicator === null) return [];
    return [
      {
        code: data.indicator?.toUpperCase() ?? "",
        label: foldLabel(data.val_den_indicator),
        value: data.val_indicator,
      },
    ];
  });
}

/** `"CAPITALURI - TOTAL, din care: "` is `capitaluri total din care`; a day (" - LA 31.12.2025") does not count. */
const foldLabel = (label: string): string =>
  foldText(label)
    .replace(/ - la \d{2}\.\d{2}\.\d{4}/, "")
    .replace(/[^a-z0-9]+/g, " ")
    .trim();

const figureOf = (indicators: Indicators, ...labels: string[]): number | null =>
  indicators.find(({ label }) => labels.includes(label))?.value ?? null;

/** Profit and loss come as two figures, both positive, at most one of them other than 0. */
function netResultOf(indicators: Indicators): number | null {
  const profit = figureOf(indicators, "profit net", "profitul net");
  const loss = figureOf(indicators, "pierdere neta", "pierderea neta") ?? mislabelledLoss(indicators);
  return profit === null && loss === null ? null : (profit ?? 0) - (loss ?? 0);
}

/** Seen live (2026-07): I19, the net loss, under the label of I17, "Pierdere bruta". */
const mislabelledLoss = (indicators: Indicators): number | null =>
  indicators.find(({ code, label }) => code === "I19" && label === "pierdere bruta")?.value ?? null;
